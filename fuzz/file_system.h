// SPDX-License-Identifier: GPL-2.0-or-later
//
// File systems are too large for inputs, so an input is what changes in one of a few that are
// there (fuzz/file-systems/, made by its script). Its first byte says which; then pieces: three
// bytes for the place of each, one for its length less one, and its bytes. Numbers are big-endian.

#pragma once

#include <zlib.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "filesystem_testing.h"
#include "input.h"

namespace qcow2stream::fuzz {

// Undoes what shorten of fuzz/file-systems/make.sh does.
inline void restore_capitals(std::vector<std::byte>& image) {
  constexpr std::size_t kLetters = 65536;
  std::uint32_t at = 0;
  std::memcpy(&at, image.data() + image.size() - sizeof at, sizeof at);
  image.resize(image.size() - sizeof at);
  std::vector<std::uint16_t> table(kLetters);
  const std::span<std::byte> bytes = std::as_writable_bytes(std::span(table));
  std::copy_n(image.begin() + at, bytes.size(), bytes.begin());
  for (std::size_t i = 0; i < kLetters; ++i) table[i] = static_cast<std::uint16_t>(table[i] + i);
  std::ranges::copy(bytes, image.begin() + at);
}

// The file systems whose names begin with `prefix`, in the order of their names.
inline std::vector<std::vector<std::byte>> file_systems(const std::string& prefix) {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(FILE_SYSTEMS)) {
    if (entry.path().filename().string().starts_with(prefix)) paths.push_back(entry.path());
  }
  std::ranges::sort(paths);
  std::vector<std::vector<std::byte>> images;
  for (const auto& path : paths) {
    constexpr unsigned kMost = 8 << 20;
    std::vector<std::byte> image(kMost);
    const gzFile file = gzopen(path.c_str(), "rb");
    require(file != nullptr, "a file that can be opened");
    const int length = gzread(file, image.data(), kMost);
    gzclose(file);
    require(length > 0, "a file system");
    image.resize(static_cast<std::size_t>(length));
    if (prefix == "ntfs") restore_capitals(image);
    images.push_back(std::move(image));
  }
  require(!images.empty(), "file systems");
  return images;
}

// A volume that is changed for one input and then as it was.
class ChangedVolume {
 public:
  ChangedVolume(testing::MemoryVolume& volume, Input& input) : volume_(volume) {
    while (!input.at_end()) {
      std::size_t at = 0;
      for (int i = 0; i < 3; ++i) at = at << 8U | input.byte();
      for (std::size_t length = input.byte() + std::size_t{1}; length > 0 && !input.at_end();
           --length, ++at) {
        const std::byte value{input.byte()};
        if (at >= volume.size()) continue;
        before_.push_back({at, volume.bytes()[at]});
        volume.bytes()[at] = value;
      }
    }
  }
  ~ChangedVolume() {
    for (auto change = before_.rbegin(); change != before_.rend(); ++change)
      volume_.bytes()[change->at] = change->value;
  }
  ChangedVolume(const ChangedVolume&) = delete;
  ChangedVolume& operator=(const ChangedVolume&) = delete;

 private:
  struct Change {
    std::size_t at;
    std::byte value;
  };
  testing::MemoryVolume& volume_;
  std::vector<Change> before_;
};

// Examines a file system that the input has changed. Whatever it holds, the runs are within it and
// apart from each other, and nothing is thrown.
template <class Examine>
void check_file_system(const std::string& prefix, Input input, Examine examine) {
  static std::vector<testing::MemoryVolume> volumes = [&] {
    std::vector<testing::MemoryVolume> made;
    for (auto& image : file_systems(prefix)) made.emplace_back(std::move(image));
    return made;
  }();
  testing::MemoryVolume& volume = volumes[input.byte() % volumes.size()];
  const ChangedVolume changed(volume, input);
  testing::CollectedRuns runs;
  const Finding finding = examine(volume, Kinds{.free = true, .swap = true}, runs);
  const std::string fault = testing::fault_of(runs.in_order(), volume.size());
  require(fault.empty(), fault);
  require(!finding.format.empty(), "a format");
  require(finding.name.size() <= 64 &&
              std::ranges::all_of(finding.name, [](char c) { return c >= 0x20 && c < 0x7f; }),
          "a name that can be shown");
}

}  // namespace qcow2stream::fuzz
