// SPDX-License-Identifier: GPL-2.0-or-later
//
// A block of zstd becomes literals, and copies of what came before (RFC 8878, section 3.1.1.3). All
// literals go out, and before the first of them there is nothing to copy: so the content begins
// with zeros only if the first block's literals are all zeros. They are plain, or one byte for all
// of them, or in a Huffman code. In such a code equal literals take equally many bits, so if their
// number does not divide that of the bits they are not all alike, and not all zeros.

#include "codec/zstd_literals.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <optional>

#include "base/zero.h"

namespace qcow2stream {
namespace {

using Bytes = std::span<const std::byte>;

constexpr std::uint32_t kFrameMagic = 0xFD2FB528;
constexpr std::size_t kBlockHeader = 3;
constexpr std::size_t kLooked = 4096;  // bytes of plain literals
constexpr std::uint64_t kLongestCode = 11;

unsigned byte_at(Bytes bytes, std::size_t at) {
  return std::to_integer<unsigned>(bytes[at]);
}

// The first `count` bytes, at most eight, as one number: all of zstd is little-endian. Nothing if
// there are fewer.
std::optional<std::uint64_t> number(Bytes bytes, std::size_t count) {
  if (bytes.size() < count) return std::nullopt;
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < count; ++i) {
    value |= std::uint64_t{byte_at(bytes, i)} << (8 * i);
  }
  return value;
}

Bytes without(Bytes bytes, std::size_t count) {
  return bytes.subspan(std::min(count, bytes.size()));
}

bool any_of(Bytes bytes, std::uint64_t length) {
  return !is_zero(bytes.first(std::min<std::uint64_t>({length, kLooked, bytes.size()})));
}

// Section 3.1.1.1.
std::size_t frame_header_size(unsigned descriptor) {
  constexpr std::array<std::size_t, 4> kDictionaryId = {0, 1, 2, 4};
  constexpr std::array<std::size_t, 4> kContentSize = {0, 2, 4, 8};
  const bool single_segment = (descriptor >> 5 & 1) != 0;
  const std::size_t content =
      descriptor >> 6 == 0 && single_segment ? 1 : kContentSize.at(descriptor >> 6);
  return (single_segment ? 0 : 1) + kDictionaryId.at(descriptor & 3) + content;
}

// A stream of Huffman codes ends with a bit that is set, and then zeros to the end of the byte.
bool not_all_alike(Bytes stream, std::uint64_t literals) {
  if (stream.empty() || literals == 0) return false;
  const unsigned last = byte_at(stream, stream.size() - 1);
  if (last == 0) return false;
  const std::uint64_t bits =
      8 * (stream.size() - 1) + static_cast<unsigned>(std::bit_width(last)) - 1;
  return bits % literals != 0 || bits / literals > kLongestCode;
}

// Section 4.2.1: how many bytes the description of the code takes.
std::optional<std::size_t> code_size(Bytes bytes) {
  if (bytes.empty()) return std::nullopt;
  const unsigned header = byte_at(bytes, 0);
  return header < 128 ? 1 + header : 1 + (header - 127 + 1) / 2;
}

bool huffman_shows_data(Bytes section, unsigned size_format) {
  const std::size_t header_size = size_format < 2 ? 3 : size_format + 2;
  const unsigned size_bits = size_format < 2 ? 10 : 4 * size_format + 6;
  const auto header = number(section, header_size);
  if (!header) return false;
  const std::uint64_t mask = (std::uint64_t{1} << size_bits) - 1;
  const std::uint64_t literals = *header >> 4 & mask;
  const std::uint64_t compressed = *header >> (4 + size_bits) & mask;
  Bytes rest = without(section, header_size);
  if (compressed > rest.size()) return false;
  rest = rest.first(compressed);
  const auto code = code_size(rest);
  if (!code || *code >= rest.size()) return false;
  rest = rest.subspan(*code);
  if (size_format == 0) return not_all_alike(rest, literals);
  constexpr std::size_t kJumpTable = 6;
  const auto first = number(rest, 2);
  rest = without(rest, kJumpTable);
  return first && *first <= rest.size() && not_all_alike(rest.first(*first), (literals + 3) / 4);
}

// Section 3.1.1.3.1.
bool literals_show_data(Bytes section) {
  if (section.empty()) return false;
  const unsigned first = byte_at(section, 0);
  const unsigned type = first & 3;
  const unsigned size_format = first >> 2 & 3;
  if (type == 2) return huffman_shows_data(section, size_format);
  if (type == 3) return false;  // no block came before
  const std::size_t header_size = (size_format & 1) == 0 ? 1 : size_format == 1 ? 2 : 3;
  const auto header = number(section, header_size);
  if (!header) return false;
  const std::uint64_t literals = *header >> (header_size == 1 ? 3 : 4);
  const bool one_for_all = type == 1;
  return any_of(without(section, header_size),
                one_for_all ? std::min<std::uint64_t>(literals, 1) : literals);
}

}  // namespace

bool zstd_shows_data(Bytes frames) {
  constexpr std::size_t kMagicAndDescriptor = 5;
  if (frames.size() < kMagicAndDescriptor || number(frames, 4) != kFrameMagic) return false;
  const Bytes blocks = without(frames, kMagicAndDescriptor + frame_header_size(byte_at(frames, 4)));
  const auto header = number(blocks, kBlockHeader);
  if (!header) return false;
  const std::uint64_t size = *header >> 3;
  const Bytes block = without(blocks, kBlockHeader);
  switch (*header >> 1 & 3) {
    case 0:
      return any_of(block, size);
    case 1:
      return any_of(block, std::min<std::uint64_t>(size, 1));
    case 2:
      return size <= block.size() && literals_show_data(block.first(size));
    default:
      return false;
  }
}

}  // namespace qcow2stream
