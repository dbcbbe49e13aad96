// SPDX-License-Identifier: GPL-2.0-or-later
//
// Big-endian loads and stores: every integer of the qcow2 format is big-endian.

#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace qcow2stream {

constexpr std::uint16_t to_big(std::uint16_t v) {
  return std::endian::native == std::endian::little ? __builtin_bswap16(v) : v;
}
constexpr std::uint32_t to_big(std::uint32_t v) {
  return std::endian::native == std::endian::little ? __builtin_bswap32(v) : v;
}
constexpr std::uint64_t to_big(std::uint64_t v) {
  return std::endian::native == std::endian::little ? __builtin_bswap64(v) : v;
}

// For both, `at` needs no alignment.
template <class Integer>
void store_big(std::byte* at, Integer value) {
  const Integer big = to_big(value);
  std::memcpy(at, &big, sizeof big);
}

template <class Integer>
Integer load_big(const std::byte* at) {
  Integer big;
  std::memcpy(&big, at, sizeof big);
  return to_big(big);
}

}  // namespace qcow2stream
