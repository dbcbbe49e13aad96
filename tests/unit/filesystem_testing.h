// SPDX-License-Identifier: GPL-2.0-or-later
//
// What the tests of file systems share: volumes in memory, what an examination hands over, and the
// tools that make file systems.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "filesystems/finding.h"
#include "filesystems/volume.h"
#include "qcow2stream/error.h"

namespace qcow2stream::testing {

// A volume in memory. What is read of it can be watched.
class MemoryVolume final : public Volume {
 public:
  explicit MemoryVolume(std::vector<std::byte> bytes) : bytes_(std::move(bytes)) {}

  [[nodiscard]] std::uint64_t size() const override { return bytes_.size(); }
  void read(VolumeOffset offset, std::span<std::byte> buffer) const override {
    if (offset.value() > bytes_.size() || buffer.size() > bytes_.size() - offset.value())
      throw Error(ErrorKind::kFailed, "memory", "read", "outside of the volume");
    if (watch) watch({offset, buffer.size()});
    std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(offset.value()), buffer.size(),
                buffer.begin());
  }
  std::vector<std::byte>& bytes() { return bytes_; }

  std::function<void(VolumeRange)> watch;

 private:
  std::vector<std::byte> bytes_;
};

inline std::vector<std::byte> bytes_of_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

struct LeftOutRun {
  std::uint64_t begin = 0;
  std::uint64_t length = 0;
  LeftOutKind kind = LeftOutKind::kFree;

  [[nodiscard]] std::uint64_t end() const { return begin + length; }
  friend bool operator==(const LeftOutRun&, const LeftOutRun&) = default;
};

class CollectedRuns final : public FreeRuns {
 public:
  void add(VolumeRange run, LeftOutKind kind) override {
    runs_.push_back({run.begin.value(), run.length, kind});
  }
  // In order of their places.
  [[nodiscard]] std::vector<LeftOutRun> in_order() const {
    std::vector<LeftOutRun> runs = runs_;
    std::ranges::sort(runs, {}, &LeftOutRun::begin);
    return runs;
  }

 private:
  std::vector<LeftOutRun> runs_;
};

// What is wrong with runs that have been handed over; empty if nothing is.
inline std::string fault_of(const std::vector<LeftOutRun>& in_order, std::uint64_t volume_size) {
  std::uint64_t at = 0;
  for (const LeftOutRun& run : in_order) {
    if (run.length == 0) return "an empty run";
    if (run.begin < at) return "runs that overlap";
    if (run.begin > volume_size || run.length > volume_size - run.begin)
      return "a run outside of the volume";
    at = run.end();
  }
  return {};
}

// How many bytes of `runs` are not in `others`. Both in order.
inline std::uint64_t bytes_beyond(const std::vector<LeftOutRun>& runs,
                                  const std::vector<LeftOutRun>& others) {
  std::uint64_t beyond = 0;
  auto other = others.begin();
  for (const LeftOutRun& run : runs) {
    std::uint64_t at = run.begin;
    while (at < run.end()) {
      while (other != others.end() && other->end() <= at) ++other;
      if (other == others.end() || other->begin >= run.end()) {
        beyond += run.end() - at;
        break;
      }
      if (other->begin > at) beyond += other->begin - at;
      at = std::min(run.end(), other->end());
    }
  }
  return beyond;
}

// A folder that goes away with its files.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "volumes-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  [[nodiscard]] std::filesystem::path operator/(const std::string& name) const {
    return path_ / name;
  }

 private:
  std::filesystem::path path_;
};

// Runs a line of shell, with the folders of administrators' tools. True if its status is 0.
inline bool run_shell(const std::string& line) {
  const std::string whole = "PATH=$PATH:/usr/sbin:/sbin; { " + line + "; } >/dev/null 2>&1";
  return std::system(whole.c_str()) == 0;
}

}  // namespace qcow2stream::testing
