// SPDX-License-Identifier: GPL-2.0-or-later
//
// What the tests of targets share.

#pragma once

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <functional>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "qcow2stream/target.h"
#include "qemu_testing.h"
#include "testing.h"

namespace qcow2stream::testing {

using Bytes = std::vector<std::byte>;

// Bytes of which none is zero.
inline Bytes random_bytes(std::size_t size, unsigned seed) {
  Bytes bytes(size);
  std::uint32_t state = seed;
  for (std::byte& byte : bytes) {
    state = state * 1'664'525 + 1'013'904'223;
    byte = static_cast<std::byte>(state >> 24 | 1U);
  }
  return bytes;
}

// (For std::equal a byte is no number, and 5 MiB take their time.)
inline bool same_bytes(std::span<const std::byte> a, std::span<const std::byte> b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size()) == 0);
}

inline Bytes read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file.is_open()) << path;
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

inline void write_file(const std::string& path, std::span<const std::byte> bytes) {
  std::ofstream file(path, std::ios::binary);
  for (const std::byte byte : bytes) file.put(static_cast<char>(byte));
  ASSERT_TRUE(file.flush().good()) << path;
}

inline Bytes read_target(Target& target, std::uint64_t offset, std::size_t length) {
  Bytes bytes(length);
  target.read(GuestOffset(offset), bytes);
  return bytes;
}

// What the file system has allocated for a file, in bytes.
inline std::uint64_t allocated_bytes(const std::string& path) {
  struct stat status {};
  EXPECT_EQ(::stat(path.c_str(), &status), 0) << path;
  return static_cast<std::uint64_t>(status.st_blocks) * 512;
}

// A target of a fixed size that loses what was not flushed.
class MemoryTarget final : public Target {
 public:
  explicit MemoryTarget(Bytes bytes) : bytes_(bytes), stable_(std::move(bytes)) {}

  [[nodiscard]] const std::string& name() const override { return name_; }
  [[nodiscard]] TargetTraits traits() const override {
    return {.size = bytes_.size(), .can_be_read = can_be_read, .keeps_failures = true};
  }
  void set_size(std::uint64_t size) override {
    if (size > bytes_.size()) throw std::length_error("too small");
  }
  void write(GuestOffset offset, std::span<const std::byte> bytes) override {
    if (before_write) before_write({offset, bytes.size()});
    std::ranges::copy(bytes, bytes_.begin() + static_cast<std::ptrdiff_t>(offset.value()));
  }
  void zero(GuestRange range) override {
    std::fill_n(bytes_.begin() + static_cast<std::ptrdiff_t>(range.begin.value()), range.length,
                std::byte{0});
  }
  void read(GuestOffset offset, std::span<std::byte> buffer) override {
    if (!can_be_read) throw std::logic_error("it cannot be read");
    std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(offset.value()), buffer.size(),
                buffer.begin());
  }
  void flush() override { stable_ = bytes_; }
  void finish() override {
    flush();
    is_finished = true;
  }

  [[nodiscard]] const Bytes& bytes() const { return bytes_; }
  // What is left after a crash.
  [[nodiscard]] const Bytes& stable() const { return stable_; }

  bool can_be_read = true;
  bool is_finished = false;
  std::function<void(GuestRange)> before_write;

 private:
  std::string name_ = "memory";
  Bytes bytes_;
  Bytes stable_;
};

}  // namespace qcow2stream::testing
