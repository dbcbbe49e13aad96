// SPDX-License-Identifier: GPL-2.0-or-later
//
// Disks that have dirty bitmaps.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "qcow2stream/disk_bitmaps.h"
#include "testing.h"

namespace qcow2stream::testing {

using BitmapBytes = std::vector<std::byte>;

struct NamedBits {
  DiskBitmap bitmap;
  BitmapBytes bytes;
};

// Tells of nothing without reading it, or of as much as is alike.
class MemoryBitmaps final : public DiskBitmaps {
 public:
  MemoryBitmaps(std::vector<NamedBits> all, bool tells) : all_(std::move(all)), tells_(tells) {
    for (const NamedBits& one : all_) list_.push_back(one.bitmap);
  }
  [[nodiscard]] const std::vector<DiskBitmap>& list() const override { return list_; }
  [[nodiscard]] Stretch stretch_at(std::size_t number, std::uint64_t offset) const override {
    const auto rest = std::span(all_[number].bytes).subspan(offset);
    const std::byte first = rest.front();
    const bool is_alike = first == std::byte{0} || first == std::byte{0xff};
    if (!tells_ || !is_alike) return {.holds = Holds::kBits, .length = 1};
    const auto end = std::ranges::find_if(rest, [&](std::byte byte) { return byte != first; });
    return {.holds = first == std::byte{0} ? Holds::kZeros : Holds::kOnes,
            .length = static_cast<std::uint64_t>(end - rest.begin())};
  }
  void read(std::size_t number, std::uint64_t offset, std::span<std::byte> buffer) const override {
    std::ranges::copy(std::span(all_[number].bytes).subspan(offset, buffer.size()), buffer.begin());
  }
  [[nodiscard]] const std::vector<NamedBits>& all() const { return all_; }

 private:
  std::vector<NamedBits> all_;
  std::vector<DiskBitmap> list_;
  bool tells_;
};

class DiskWithBitmaps final : public Disk {
 public:
  DiskWithBitmaps(std::uint64_t size, std::shared_ptr<const MemoryBitmaps> bitmaps)
      : zeros_(size), bitmaps_(std::move(bitmaps)) {}
  [[nodiscard]] const std::string& name() const override { return zeros_.name(); }
  [[nodiscard]] std::uint64_t size() const override { return zeros_.size(); }
  void read(GuestOffset offset, std::span<std::byte> buffer) const override {
    zeros_.read(offset, buffer);
    if (offset.value() == 0 && !buffer.empty()) buffer.front() = std::byte{1};
  }
  [[nodiscard]] const DiskBitmaps* bitmaps() const override { return bitmaps_.get(); }

 private:
  ZeroDisk zeros_;
  std::shared_ptr<const MemoryBitmaps> bitmaps_;
};

}  // namespace qcow2stream::testing
