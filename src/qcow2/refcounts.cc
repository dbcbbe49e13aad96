// SPDX-License-Identifier: GPL-2.0-or-later

#include "qcow2/refcounts.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstring>

#include "base/bitset.h"
#include "base/endian.h"
#include "qcow2/limits.h"

namespace qcow2stream::qcow2 {
namespace {

// By the refcount order, a word of entries that are all one, as it stands in the file.
constexpr std::array<std::uint64_t, 7> kOnes = {
    0xffff'ffff'ffff'ffff, 0x5555'5555'5555'5555, 0x1111'1111'1111'1111, 0x0101'0101'0101'0101,
    0x0001'0001'0001'0001, 0x0000'0001'0000'0001, 0x0000'0000'0000'0001};

}  // namespace

void fill_with_ones(std::span<std::byte> block, unsigned refcount_order, std::uint64_t count) {
  assert(refcount_order <= kMaxRefcountOrder && block.size() % sizeof(std::uint64_t) == 0);
  const std::uint64_t per_word = 64U >> refcount_order;
  const std::size_t words = block.size() / sizeof(std::uint64_t);
  const std::size_t full = std::min<std::uint64_t>(count / per_word, words);
  const std::uint64_t ones = to_big(kOnes[refcount_order]);
  for (std::size_t i = 0; i < full; ++i) {
    std::memcpy(block.data() + i * sizeof ones, &ones, sizeof ones);
  }
  auto rest = block.subspan(full * sizeof ones);
  std::ranges::fill(rest, std::byte{0});
  if (rest.empty()) return;

  const std::uint64_t width = 1U << refcount_order;
  for (std::uint64_t i = 0; i < count % per_word; ++i) {
    // A one stands in the last byte of a wide entry, or in the lowest bit of a narrow one.
    const std::uint64_t bit = width >= 8 ? (i + 1) * width - 8 : i * width;
    rest[bit / 8] |= std::byte{1} << (bit % 8);
  }
}

void set_refcount(std::span<std::byte> block, unsigned refcount_order, std::uint64_t index,
                  std::uint64_t value) {
  const std::uint64_t width = 1U << refcount_order;
  assert(refcount_order <= kMaxRefcountOrder && value <= low_bits(width));
  assert(index < block.size() * 8 / width && refcount_at(block, refcount_order, index) == 0);
  if (width < 8) {
    block[index * width / 8] |= static_cast<std::byte>(value << (index * width % 8));
    return;
  }
  const auto entry = block.subspan(index * width / 8, width / 8);
  for (std::size_t i = entry.size(); i > 0; --i, value >>= 8) {
    entry[i - 1] = static_cast<std::byte>(value);
  }
}

std::uint64_t refcount_at(std::span<const std::byte> block, unsigned refcount_order,
                          std::uint64_t index) {
  const std::uint64_t width = 1U << refcount_order;
  assert(refcount_order <= kMaxRefcountOrder && index < block.size() * 8 / width);
  if (width < 8) {
    const std::uint64_t bit = index * width;
    const auto byte = std::to_integer<std::uint64_t>(block[bit / 8]);
    return (byte >> (bit % 8)) & ((1U << width) - 1);
  }
  std::uint64_t value = 0;
  for (std::byte b : block.subspan(index * width / 8, width / 8)) {
    value = value << 8 | std::to_integer<std::uint64_t>(b);
  }
  return value;
}

}  // namespace qcow2stream::qcow2
