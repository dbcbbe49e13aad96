// SPDX-License-Identifier: GPL-2.0-or-later
//
// Flips what an examination of XFS reads, one byte after the other, and examines again:
//   flipped-xfs [--every N] [--mask BITS] IMAGE
// Nothing may be left out then that the file system uses as it is. Of the log, which is long and
// mostly zeros or old, all bytes that are not zero among the first 64 KiB, and one in 997 of the
// rest. Prints a line of JSON:
//   {"bytes": N, "kept": N, "same": N, "less": N, "wrong": [OFFSET, ...]}
// The status is 1 if something is wrong.

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string_view>

#include "filesystem_testing.h"
#include "filesystems/xfs.h"
#include "volume_testing.h"

namespace {

using namespace qcow2stream;
using testing::LeftOutRun;

struct Result {
  bool kept = false;
  std::vector<LeftOutRun> runs;
};

Result examine_volume(const Volume& volume) {
  testing::CollectedRuns runs;
  const Finding finding = examine_xfs(volume, {.free = true, .swap = false}, runs);
  Result result{finding.kept(), runs.in_order()};
  if (const auto fault = testing::fault_of(result.runs, volume.size()); !fault.empty())
    throw std::runtime_error(fault);
  return result;
}

std::vector<std::uint64_t> offsets_of(const std::vector<VolumeRange>& ranges,
                                      const Volume& volume) {
  constexpr std::uint64_t kLong = 256 << 10;
  constexpr std::uint64_t kFront = 64 << 10;
  constexpr std::uint64_t kStep = 997;
  std::vector<std::uint64_t> offsets;
  for (const VolumeRange& range : ranges) {
    std::vector<std::byte> bytes(range.length);
    volume.read(range.begin, bytes);
    for (std::uint64_t i = 0; i < range.length; ++i) {
      if (range.length < kLong || i % kStep == 0 || (i < kFront && bytes[i] != std::byte{0}))
        offsets.push_back(range.begin.value() + i);
    }
  }
  return offsets;
}

bool run(const char* image, std::size_t every, unsigned mask) {
  const testing::FileVolume volume(image);
  const testing::WatchedVolume watched(volume);
  const Result clean = examine_volume(watched);
  if (clean.kept) throw std::runtime_error("it is kept as it is");
  std::uint64_t tried = 0;
  std::uint64_t kept = 0;
  std::uint64_t same = 0;
  std::uint64_t less = 0;
  std::vector<std::uint64_t> wrong;
  testing::ChangedVolume changed(volume);
  const auto offsets = offsets_of(watched.read_ranges(), volume);
  for (std::size_t i = 0; i < offsets.size(); i += every) {
    changed.restore();
    changed.flip(offsets[i], mask);
    const Result now = examine_volume(changed);
    ++tried;
    if (now.kept) {
      ++kept;
    } else if (testing::bytes_beyond(now.runs, clean.runs) > 0) {
      wrong.push_back(offsets[i]);
    } else {
      ++(now.runs == clean.runs ? same : less);
    }
  }
  const nlohmann::json report = {
      {"bytes", tried}, {"kept", kept}, {"same", same}, {"less", less}, {"wrong", wrong}};
  std::puts(report.dump().c_str());
  return wrong.empty();
}

}  // namespace

int main(int argc, char** argv) {
  std::size_t every = 1;
  unsigned mask = 0xff;
  const char* image = "";
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--every" && i + 1 < argc) {
      every = std::strtoul(argv[++i], nullptr, 10);
    } else if (word == "--mask" && i + 1 < argc) {
      mask = static_cast<unsigned>(std::strtoul(argv[++i], nullptr, 10));
    } else {
      image = argv[i];
    }
  }
  try {
    return run(image, std::max<std::size_t>(every, 1), mask) ? 0 : 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: %s\n", image, error.what());
    return 2;
  }
}
