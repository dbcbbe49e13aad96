// SPDX-License-Identifier: GPL-2.0-or-later
//
// A volume of any size of which an input has what is not zero (tests/helpers/fuzz_volume.py makes
// one): five bytes for the size; then pieces: five bytes for the place of each in units of 16
// bytes, one for its length in these units, and its bytes. All numbers are big-endian.

#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <span>

#include "filesystems/volume.h"
#include "input.h"
#include "qcow2stream/error.h"

namespace qcow2stream::fuzz {

class SparseVolume final : public Volume {
 public:
  explicit SparseVolume(Input& input) : size_(number_of(input)) {
    while (!input.at_end()) {
      std::uint64_t at = number_of(input) * kUnit;
      const std::uint64_t end = at + input.byte() * kUnit;
      for (; at < end && !input.at_end(); ++at) set(at, std::byte{input.byte()});
    }
  }

  [[nodiscard]] std::uint64_t size() const override { return size_; }
  void read(VolumeOffset offset, std::span<std::byte> buffer) const override {
    require(offset.value() <= size_ && buffer.size() <= size_ - offset.value(),
            "a read within the volume");
    if (buffer.empty()) return;
    std::memset(buffer.data(), 0, buffer.size());
    const std::uint64_t begin = offset.value();
    const std::uint64_t end = begin + buffer.size();
    for (auto i = blocks_.lower_bound(begin / kBlock); i != blocks_.end(); ++i) {
      const std::uint64_t there = i->first * kBlock;
      if (there >= end) return;
      const std::uint64_t from = std::max(begin, there);
      const std::uint64_t to = std::min(end, there + kBlock);
      std::memcpy(buffer.data() + (from - begin), i->second.data() + (from - there), to - from);
    }
  }
  void write(std::uint64_t at, std::span<const std::byte> bytes) {
    for (const std::byte byte : bytes) set(at++, byte);
  }

 private:
  static constexpr std::uint64_t kUnit = 16;
  static constexpr std::uint64_t kBlock = 512;

  static std::uint64_t number_of(Input& input) {
    std::uint64_t number = 0;
    for (int i = 0; i < 5; ++i) number = number << 8 | input.byte();
    return number;
  }
  void set(std::uint64_t at, std::byte byte) { blocks_[at / kBlock].at(at % kBlock) = byte; }

  std::uint64_t size_;
  std::map<std::uint64_t, std::array<std::byte, kBlock>> blocks_;
};

}  // namespace qcow2stream::fuzz
