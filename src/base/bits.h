// SPDX-License-Identifier: GPL-2.0-or-later
//
// Arithmetic with unsigned 64-bit integers that the format needs everywhere.

#pragma once

#include <cstdint>

namespace qcow2stream {

// `d` must not be 0.
constexpr std::uint64_t div_up(std::uint64_t n, std::uint64_t d) {
  return n / d + (n % d != 0);
}

// `a` must be a power of two, and the result must fit into 64 bits.
constexpr std::uint64_t align_up(std::uint64_t n, std::uint64_t a) {
  return (n + a - 1) & ~(a - 1);
}
constexpr std::uint64_t align_down(std::uint64_t n, std::uint64_t a) {
  return n & ~(a - 1);
}

}  // namespace qcow2stream
