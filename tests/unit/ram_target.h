// SPDX-License-Identifier: GPL-2.0-or-later
//
// A target in memory, which sees to it that it is used as it may be.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "qcow2stream/target.h"

namespace qcow2stream::testing {

class RamTarget final : public Target {
 public:
  // A file that grows with its disk, and is empty.
  RamTarget() = default;
  // What it holds already, like a device.
  explicit RamTarget(std::vector<std::byte> content)
      : size_(content.size()), content_(std::move(content)) {}

  [[nodiscard]] const std::string& name() const override { return name_; }
  [[nodiscard]] TargetTraits traits() const override {
    return {.size = size_, .reads_as_zeros = !size_.has_value(), .can_be_read = true};
  }
  void set_size(std::uint64_t size) override {
    disk_size_ = size;
    if (!size_) content_.resize(size);
    if (size > content_.size()) throw std::runtime_error("the target is too small");
  }
  void write(GuestOffset offset, std::span<const std::byte> bytes) override {
    const std::lock_guard lock(mutex_);
    std::ranges::copy(bytes, checked({offset, bytes.size()}).begin());
    written += bytes.size();
  }
  void zero(GuestRange range) override {
    const std::lock_guard lock(mutex_);
    std::ranges::fill(checked(range), std::byte{0});
  }
  void read(GuestOffset offset, std::span<std::byte> buffer) override {
    const std::lock_guard lock(mutex_);
    std::ranges::copy(checked({offset, buffer.size()}), buffer.begin());
  }
  void flush() override {}
  void finish() override { is_finished = true; }

  [[nodiscard]] const std::vector<std::byte>& content() const { return content_; }
  std::uint64_t written = 0;  // bytes
  bool is_finished = false;

 private:
  std::span<std::byte> checked(GuestRange range) {
    if (range.length == 0 || range.begin.value() > disk_size_ ||
        range.length > disk_size_ - range.begin.value()) {
      throw std::logic_error("not within the disk");
    }
    return std::span(content_).subspan(range.begin.value(), range.length);
  }

  std::string name_ = "target";
  std::optional<std::uint64_t> size_;
  std::uint64_t disk_size_ = 0;
  std::mutex mutex_;
  std::vector<std::byte> content_;
};

}  // namespace qcow2stream::testing
