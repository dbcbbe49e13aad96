// SPDX-License-Identifier: GPL-2.0-or-later
//
// What several unit tests need.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "qcow2stream/qcow2stream.h"

namespace qcow2stream::testing {

inline constexpr std::uint64_t kMiB = 1 << 20;

// A disk in memory whose extents are what the test says.
class MemoryDisk final : public Disk {
 public:
  explicit MemoryDisk(std::vector<std::byte> bytes) : bytes_(std::move(bytes)) {}

  [[nodiscard]] const std::string& name() const override { return name_; }
  [[nodiscard]] std::uint64_t size() const override { return bytes_.size(); }
  void read(GuestOffset offset, std::span<std::byte> buffer) const override {
    std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(offset.value()), buffer.size(),
                buffer.begin());
  }
  [[nodiscard]] const std::vector<std::byte>& bytes() const { return bytes_; }

 private:
  std::string name_ = "memory";
  std::vector<std::byte> bytes_;
};

// A disk of any size that reads as zeros.
class ZeroDisk final : public Disk {
 public:
  explicit ZeroDisk(std::uint64_t size) : size_(size) {}
  [[nodiscard]] const std::string& name() const override { return name_; }
  [[nodiscard]] std::uint64_t size() const override { return size_; }
  void read(GuestOffset /*offset*/, std::span<std::byte> buffer) const override {
    std::ranges::fill(buffer, std::byte{0});
  }

 private:
  std::string name_ = "zeros";
  std::uint64_t size_;
};

inline Image make_image(std::shared_ptr<const Disk> disk, const ImageOptions& options,
                        const SurveyOptions& survey_options = {}) {
  auto map = survey(*disk, options, survey_options);
  return {std::move(disk), options, std::move(map)};
}

inline std::vector<std::byte> read_all(const Image& image) {
  std::vector<std::byte> bytes(image.size());
  image.read(HostOffset(0), bytes);
  return bytes;
}

}  // namespace qcow2stream::testing
