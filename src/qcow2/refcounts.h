// SPDX-License-Identifier: GPL-2.0-or-later
//
// Entries of refcount blocks (specification: "Host cluster management"): 8 bits and wider are
// big-endian, narrower ones fill a byte from its least significant bit.

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace qcow2stream::qcow2 {

// Sets the first `count` entries of `block` to one and the rest to zero. `block` is a whole number
// of 8-byte words; `count` may exceed what it holds.
void fill_with_ones(std::span<std::byte> block, unsigned refcount_order, std::uint64_t count);

// Sets entry `index` of `block` to `value`. The entry must be zero, and `value` must fit into it.
void set_refcount(std::span<std::byte> block, unsigned refcount_order, std::uint64_t index,
                  std::uint64_t value);

// The value of entry `index` of a block.
std::uint64_t refcount_at(std::span<const std::byte> block, unsigned refcount_order,
                          std::uint64_t index);

}  // namespace qcow2stream::qcow2
