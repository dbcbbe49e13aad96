// SPDX-License-Identifier: GPL-2.0-or-later
//
// Counting and searching in arrays of words; bit N is bit N % 64 of word N / 64.

#pragma once

#include <cstdint>
#include <span>

namespace qcow2stream {

// A word with the lowest `n` bits set; n <= 64.
constexpr std::uint64_t low_bits(std::uint64_t n) {
  return n >= 64 ? ~0ULL : (1ULL << n) - 1;
}

// How many bits are set.
std::uint64_t count_bits(std::span<const std::uint64_t> words);

// The position of the bit that is set and has `rank` set bits before it. There must be one.
std::uint64_t select_bit(std::span<const std::uint64_t> words, std::uint64_t rank);

// The position of the first bit at or after `from` that is set or, with `invert` all ones, that is
// not set. The number of bits if there is none.
std::uint64_t find_bit(std::span<const std::uint64_t> words, std::uint64_t from,
                       std::uint64_t invert);

}  // namespace qcow2stream
