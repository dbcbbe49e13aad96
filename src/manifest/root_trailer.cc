// SPDX-License-Identifier: GPL-2.0-or-later

#include "manifest/root_trailer.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <string_view>

#include "base/endian.h"
#include "digest/sha256.h"

namespace qcow2stream {
namespace {

constexpr std::string_view kTrailerMagic = "qcs-root";
constexpr std::uint32_t kTrailerVersion = 1;
constexpr std::uint32_t kTrailerHasParent = 1;

constexpr std::size_t kTrailerVersionAt = 8;
constexpr std::size_t kTrailerFlagsAt = 12;
constexpr std::size_t kTrailerLengthAt = 16;
constexpr std::size_t kTrailerRootAt = 32;
constexpr std::size_t kTrailerParentAt = 64;
constexpr std::size_t kTrailerChecksumAt = kRootTrailerSize - sizeof(Sha256::Value);

}  // namespace

std::array<std::byte, kRootTrailerSize> encode_root_trailer(const RootTrailer& trailer) {
  std::array<std::byte, kRootTrailerSize> bytes{};
  std::ranges::copy(std::as_bytes(std::span(kTrailerMagic)), bytes.begin());
  store_big(&bytes[kTrailerVersionAt], kTrailerVersion);
  store_big(&bytes[kTrailerFlagsAt], trailer.parent ? kTrailerHasParent : 0U);
  store_big(&bytes[kTrailerLengthAt], trailer.length);
  std::ranges::copy(trailer.root, &bytes[kTrailerRootAt]);
  if (trailer.parent) std::ranges::copy(*trailer.parent, &bytes[kTrailerParentAt]);
  Sha256 hash;
  hash.update(std::span(bytes).first(kTrailerChecksumAt));
  std::ranges::copy(hash.finish(), &bytes[kTrailerChecksumAt]);
  return bytes;
}

std::optional<RootTrailer> decode_root_trailer(std::span<const std::byte> bytes) {
  assert(bytes.size() == kRootTrailerSize);
  RootTrailer trailer{.length = load_big<std::uint64_t>(&bytes[kTrailerLengthAt])};
  std::memcpy(trailer.root.data(), &bytes[kTrailerRootAt], trailer.root.size());
  if (load_big<std::uint32_t>(&bytes[kTrailerFlagsAt]) != 0) {
    trailer.parent.emplace();
    std::memcpy(trailer.parent->data(), &bytes[kTrailerParentAt], trailer.parent->size());
  }
  // Whatever else there is in it is not what was understood.
  const auto same = encode_root_trailer(trailer);
  return std::ranges::equal(bytes, same) ? std::optional(trailer) : std::nullopt;
}

}  // namespace qcow2stream
