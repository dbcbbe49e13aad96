// SPDX-License-Identifier: GPL-2.0-or-later
//
// Takes eight bytes a step, with a table for each of their places ("slicing by 8").

#include "digest/crc64_nvme.h"

#include <array>
#include <bit>
#include <cstring>

namespace qcow2stream {
namespace {

constexpr std::uint64_t kPolynomial = 0x9a6c9329ac4bc9b5;  // reflected
constexpr std::size_t kSlices = 8;

using Table = std::array<std::uint64_t, 256>;

constexpr std::array<Table, kSlices> make_tables() {
  std::array<Table, kSlices> tables{};
  for (std::uint64_t byte = 0; byte < 256; ++byte) {
    std::uint64_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? kPolynomial : 0);
    tables[0][byte] = crc;
  }
  // Each further table has the CRC of the same byte with one more zero byte behind it.
  for (std::size_t slice = 1; slice < kSlices; ++slice) {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const std::uint64_t crc = tables[slice - 1][byte];
      tables[slice][byte] = (crc >> 8) ^ tables[0][crc & 0xff];
    }
  }
  return tables;
}

constexpr std::array<Table, kSlices> kTables = make_tables();

std::uint64_t load_little_endian(const std::byte* from) {
  std::uint64_t value = 0;
  std::memcpy(&value, from, sizeof value);
  return std::endian::native == std::endian::little ? value : __builtin_bswap64(value);
}

}  // namespace

std::uint64_t crc64_nvme(std::uint64_t crc, std::span<const std::byte> bytes) {
  crc = ~crc;
  for (; bytes.size() >= kSlices; bytes = bytes.subspan(kSlices)) {
    const std::uint64_t word = crc ^ load_little_endian(bytes.data());
    crc = 0;
    for (std::size_t i = 0; i < kSlices; ++i) {
      crc ^= kTables[kSlices - 1 - i][(word >> (8 * i)) & 0xff];
    }
  }
  for (const std::byte byte : bytes) {
    crc = (crc >> 8) ^ kTables[0][(crc ^ std::to_integer<std::uint64_t>(byte)) & 0xff];
  }
  return ~crc;
}

}  // namespace qcow2stream
