// SPDX-License-Identifier: GPL-2.0-or-later
//
// Arithmetic with unsigned 64-bit integers that the format needs everywhere.

#pragma once

#include <bit>
#include <cassert>
#include <cstdint>

namespace qcow2stream {

// `d` must not be 0.
constexpr std::uint64_t div_up(std::uint64_t n, std::uint64_t d) {
  assert(d != 0);
  return n / d + (n % d != 0);
}

// `a` must be a power of two, and the result must fit into 64 bits.
constexpr std::uint64_t align_up(std::uint64_t n, std::uint64_t a) {
  assert(std::has_single_bit(a) && n + (a - 1) >= n);
  return (n + a - 1) & ~(a - 1);
}
constexpr std::uint64_t align_down(std::uint64_t n, std::uint64_t a) {
  assert(std::has_single_bit(a));
  return n & ~(a - 1);
}

}  // namespace qcow2stream
