// SPDX-License-Identifier: GPL-2.0-or-later
//
// Fields of what lies on a disk: bytes of a volume, and integers in them. (Big-endian ones:
// base/endian.h.)

#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

#include "base/endian.h"
#include "filesystems/volume.h"

namespace qcow2stream {

// `at` needs no alignment.
template <class Integer>
Integer load_little(const std::byte* at) {
  Integer little;
  std::memcpy(&little, at, sizeof little);
  if constexpr (std::endian::native == std::endian::little) {
    return little;
  } else {
    return to_big(little);  // swaps its bytes: those of a big-endian machine need it
  }
}

// A structure that has been read, of which fields are taken by their offsets. A field that does not
// lie within it is zero: whoever asks has read as much as the format demands.
class Fields {
 public:
  explicit Fields(std::span<const std::byte> bytes) : bytes_(bytes) {}

  template <class Integer>
  [[nodiscard]] Integer big(std::size_t offset) const {
    return holds(offset, sizeof(Integer)) ? load_big<Integer>(bytes_.data() + offset) : Integer{0};
  }
  template <class Integer>
  [[nodiscard]] Integer little(std::size_t offset) const {
    return holds(offset, sizeof(Integer)) ? load_little<Integer>(bytes_.data() + offset)
                                          : Integer{0};
  }
  [[nodiscard]] std::uint8_t byte(std::size_t offset) const { return little<std::uint8_t>(offset); }
  [[nodiscard]] std::span<const std::byte> bytes(std::size_t offset, std::size_t length) const {
    if (!holds(offset, length)) return {};
    return bytes_.subspan(offset, length);
  }
  // Up to the first byte that is zero.
  [[nodiscard]] std::string_view text(std::size_t offset, std::size_t most) const {
    if (!holds(offset, most)) return {};
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): bytes as characters
    const std::string_view all(reinterpret_cast<const char*>(bytes_.data() + offset), most);
    return all.substr(0, all.find('\0'));
  }
  [[nodiscard]] std::span<const std::byte> all() const { return bytes_; }
  // Whether this text stands there. It may hold zeros.
  [[nodiscard]] bool has(std::size_t offset, std::string_view text) const {
    return holds(offset, text.size()) &&
           std::memcmp(bytes_.data() + offset, text.data(), text.size()) == 0;
  }

 private:
  [[nodiscard]] bool holds(std::size_t offset, std::size_t length) const {
    return offset <= bytes_.size() && length <= bytes_.size() - offset;
  }

  std::span<const std::byte> bytes_;
};

// Whether the range lies within the volume, whatever the numbers are.
inline bool lies_within(const Volume& volume, std::uint64_t offset, std::uint64_t length) {
  return offset <= volume.size() && length <= volume.size() - offset;
}

// What the volume holds there; zeros where it ends before. `length` is of the caller's making, not
// out of an image.
inline std::vector<std::byte> bytes_at(const Volume& volume, std::uint64_t offset,
                                       std::size_t length) {
  std::vector<std::byte> bytes(length);
  if (offset < volume.size()) {
    const std::uint64_t there = volume.size() - offset;
    const std::size_t n = there < length ? static_cast<std::size_t>(there) : length;
    volume.read(VolumeOffset(offset), std::span(bytes).first(n));
  }
  return bytes;
}

}  // namespace qcow2stream
