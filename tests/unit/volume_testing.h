// SPDX-License-Identifier: GPL-2.0-or-later
//
// Volumes in files, which tools make, and changed bytes in them.

#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "filesystem_testing.h"
#include "filesystems/volume.h"
#include "qcow2stream/error.h"

namespace qcow2stream::testing {

class FileVolume final : public Volume {
 public:
  explicit FileVolume(const std::filesystem::path& path)
      : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)), size_(std::filesystem::file_size(path)) {}
  ~FileVolume() override { ::close(fd_); }
  FileVolume(const FileVolume&) = delete;
  FileVolume& operator=(const FileVolume&) = delete;

  [[nodiscard]] std::uint64_t size() const override { return size_; }
  void read(VolumeOffset offset, std::span<std::byte> buffer) const override {
    if (offset.value() > size_ || buffer.size() > size_ - offset.value())
      throw Error(ErrorKind::kFailed, "file", "read failed", "outside of the volume");
    read_ += buffer.size();
    while (!buffer.empty()) {
      const ssize_t n =
          ::pread(fd_, buffer.data(), buffer.size(), static_cast<off_t>(offset.value()));
      if (n <= 0) throw Error(ErrorKind::kFailed, "file", "read failed", "it is short");
      buffer = buffer.subspan(static_cast<std::size_t>(n));
      offset += static_cast<std::uint64_t>(n);
    }
  }
  [[nodiscard]] std::uint64_t bytes_read() const { return read_; }

 private:
  int fd_;
  std::uint64_t size_;
  mutable std::uint64_t read_ = 0;
};

// Another volume, in which some bytes are others; or which is cut off.
class ChangedVolume final : public Volume {
 public:
  explicit ChangedVolume(const Volume& below) : below_(below), size_(below.size()) {}

  void flip(std::uint64_t offset, unsigned mask) { flips_[offset] = static_cast<std::byte>(mask); }
  void restore() { flips_.clear(); }
  void write(std::uint64_t offset, std::span<const std::byte> bytes) {
    for (const std::byte byte : bytes) written_[offset++] = byte;
  }
  void resize(std::uint64_t size) { size_ = size; }

  [[nodiscard]] std::uint64_t size() const override { return size_; }
  void read(VolumeOffset offset, std::span<std::byte> buffer) const override {
    if (offset.value() > size_ || buffer.size() > size_ - offset.value())
      throw Error(ErrorKind::kFailed, "volume", "read failed", "outside of the volume");
    const std::uint64_t begin = offset.value();
    const std::uint64_t there = begin < below_.size() ? below_.size() - begin : 0;
    const auto front = buffer.first(std::min<std::uint64_t>(buffer.size(), there));
    if (!front.empty()) below_.read(offset, front);
    std::ranges::fill(buffer.subspan(front.size()), std::byte{0});
    const auto for_each_there = [&](const auto& map, auto change) {
      for (auto i = map.lower_bound(begin); i != map.end() && i->first < begin + buffer.size(); ++i)
        change(buffer[i->first - begin], i->second);
    };
    for_each_there(written_, [](std::byte& byte, std::byte value) { byte = value; });
    for_each_there(flips_, [](std::byte& byte, std::byte mask) { byte ^= mask; });
  }

 private:
  const Volume& below_;
  std::uint64_t size_;
  std::map<std::uint64_t, std::byte> written_;
  std::map<std::uint64_t, std::byte> flips_;
};

// Notes which bytes are read.
class WatchedVolume final : public Volume {
 public:
  explicit WatchedVolume(const Volume& below) : below_(below) {}

  [[nodiscard]] std::uint64_t size() const override { return below_.size(); }
  void read(VolumeOffset offset, std::span<std::byte> buffer) const override {
    below_.read(offset, buffer);
    reads_.push_back({offset, buffer.size()});
  }
  // In order, each byte once.
  [[nodiscard]] std::vector<VolumeRange> read_ranges() const {
    auto sorted = reads_;
    std::ranges::sort(sorted, {}, &VolumeRange::begin);
    std::vector<VolumeRange> ranges;
    for (const VolumeRange& range : sorted) {
      if (ranges.empty() || range.begin > ranges.back().end()) {
        ranges.push_back(range);
      } else if (range.end() > ranges.back().end()) {
        ranges.back().length = range.end() - ranges.back().begin;
      }
    }
    return ranges;
  }

 private:
  const Volume& below_;
  mutable std::vector<VolumeRange> reads_;
};

// What a line of shell prints, without the newline at its end.
inline std::string output_of(const std::string& line) {
  const std::string whole = "PATH=$PATH:/usr/sbin:/sbin; { " + line + "; } 2>/dev/null";
  const std::unique_ptr<FILE, decltype(&::pclose)> pipe(::popen(whole.c_str(), "re"), &::pclose);
  std::string text;
  std::array<char, 4096> buffer{};
  while (pipe) {
    const std::size_t n = std::fread(buffer.data(), 1, buffer.size(), pipe.get());
    if (n == 0) break;
    text.append(buffer.data(), n);
  }
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

inline std::uint64_t sum_of(const std::vector<LeftOutRun>& runs) {
  std::uint64_t sum = 0;
  for (const LeftOutRun& run : runs) sum += run.length;
  return sum;
}

}  // namespace qcow2stream::testing
