// SPDX-License-Identifier: GPL-2.0-or-later
//
// Flips what an examination of a file system reads, one byte after the other, and examines again:
//   flipped-metadata [--as ext|ntfs|disk|tables] [--every N] [--first N] [--mask BITS] IMAGE
// Nothing may be left out then that the file system uses as it is. Prints a line of JSON:
//   {"bytes": N, "kept": N, "same": N, "less": N, "wrong": [OFFSET, ...]}
// The status is 1 if something is wrong. The image is that of a file system of any kind, or of that
// kind; of a whole disk (disk); or of one of which only what says where its volumes lie is flipped
// (tables). --every N takes one byte in N, from the one that --first says; --mask says which bits
// of it are flipped (255 without it), and with 0 it is one bit after the other, each on its own.

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <string_view>

#include "filesystem_testing.h"
#include "filesystems/examine.h"
#include "filesystems/ext.h"
#include "filesystems/ntfs.h"
#include "filesystems/volumes.h"
#include "tools/examined.h"

namespace {

using namespace qcow2stream;
using testing::LeftOutRun;

constexpr Kinds kAll{.free = true, .swap = true};

struct Result {
  bool kept = false;
  std::vector<LeftOutRun> runs;
};

class Flips {
 public:
  Flips(std::string format, const char* image)
      : format_(std::move(format)), volume_(testing::bytes_of_file(image)) {
    std::vector<bool> is_read(volume_.size());
    volume_.watch = [&](VolumeRange range) {
      std::fill_n(is_read.begin() + static_cast<std::ptrdiff_t>(range.begin.value()), range.length,
                  true);
    };
    if (format_ == "tables") {
      static_cast<void>(find_volumes(volume_));
      volume_.watch = nullptr;
    }
    clean_ = examine();
    volume_.watch = nullptr;
    if (clean_.kept) throw std::runtime_error("it is kept as it is");
    for (std::size_t i = 0; i < is_read.size(); ++i) {
      if (is_read[i]) read_.push_back(i);
    }
  }

  void flip(std::size_t offset, std::byte mask) {
    volume_.bytes()[offset] ^= mask;
    const Result now = examine();
    volume_.bytes()[offset] ^= mask;
    ++tried_;
    if (now.kept) {
      ++kept_;
    } else if (testing::bytes_beyond(now.runs, clean_.runs) > 0) {
      wrong_.push_back(offset);
    } else if (now.runs == clean_.runs) {
      ++same_;
    } else {
      ++less_;
    }
  }

  [[nodiscard]] const std::vector<std::size_t>& read() const { return read_; }
  [[nodiscard]] nlohmann::json report() const {
    return {
        {"bytes", tried_}, {"kept", kept_}, {"same", same_}, {"less", less_}, {"wrong", wrong_}};
  }
  [[nodiscard]] bool is_wrong() const { return !wrong_.empty(); }

 private:
  Result examine() const {
    if (format_ == "disk" || format_ == "tables") return examine_disk();
    testing::CollectedRuns runs;
    Finding finding;
    if (format_ == "ext") {
      finding = examine_ext(volume_, kAll, runs);
    } else if (format_ == "ntfs") {
      finding = examine_ntfs(volume_, kAll, runs);
    } else {
      finding = qcow2stream::examine(volume_, kAll, runs);
    }
    Result result{.kept = finding.kept(), .runs = runs.in_order()};
    if (const std::string fault = testing::fault_of(result.runs, volume_.size()); !fault.empty())
      throw std::runtime_error(fault);
    return result;
  }

  // Of a disk of which nothing can be left out, all is kept.
  Result examine_disk() const {
    Result result;
    for (const FoundVolume& found : find_volumes(volume_)) {
      testing::CollectedRuns collected;
      if (qcow2stream::examine(found, kAll, collected).kept()) continue;
      const auto runs = testing::runs_on_disk(found, collected);
      result.runs.insert(result.runs.end(), runs.begin(), runs.end());
    }
    std::ranges::sort(result.runs, {}, &LeftOutRun::begin);
    result.kept = result.runs.empty();
    if (const std::string fault = testing::fault_of(result.runs, volume_.size()); !fault.empty())
      throw std::runtime_error(fault);
    return result;
  }

  std::string format_;
  testing::MemoryVolume volume_;
  Result clean_;
  std::vector<std::size_t> read_;
  std::size_t tried_ = 0;
  std::size_t kept_ = 0;
  std::size_t same_ = 0;
  std::size_t less_ = 0;
  std::vector<std::size_t> wrong_;
};

bool run(int argc, char** argv) {
  std::string format;
  std::size_t every = 1;
  std::size_t first = 0;
  unsigned mask = 255;
  const char* image = nullptr;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (i + 1 < argc && word.starts_with("--")) {
      const char* const value = argv[++i];
      if (word == "--as") format = value;
      if (word == "--every") every = std::strtoul(value, nullptr, 10);
      if (word == "--first") first = std::strtoul(value, nullptr, 10);
      if (word == "--mask") mask = static_cast<unsigned>(std::strtoul(value, nullptr, 10));
    } else {
      image = argv[i];
    }
  }
  if (image == nullptr || every == 0) throw std::runtime_error("flipped-metadata: no image");
  Flips flips(format, image);
  for (std::size_t i = first; i < flips.read().size(); i += every) {
    if (mask != 0) {
      flips.flip(flips.read()[i], static_cast<std::byte>(mask));
      continue;
    }
    for (unsigned bit = 0; bit < 8; ++bit)
      flips.flip(flips.read()[i], static_cast<std::byte>(1U << bit));
  }
  std::puts(flips.report().dump().c_str());
  return !flips.is_wrong();
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv) ? 0 : 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 2;
  }
}
