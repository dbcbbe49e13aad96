// SPDX-License-Identifier: GPL-2.0-or-later
//
// Says what the volumes of a whole disk are, and what of each need not be in an image, without any
// confinement:
//   volumes [--swap] [--no-runs] [--zero] IMAGE
//   {"read": BYTES, "seconds": N, "volumes": [{"name": "partition 1", "size": BYTES,
//     "format": "xfs", "label": "...", "block_size": N, "used": BYTES, "free": BYTES,
//     "kept_because": "...", "remedy": "...", "pieces": [[AT, ON_DISK, LENGTH], ...],
//     "left_out": BYTES, "runs": [[BEGIN, LENGTH, "free"], ...]}, ...]}
// Runs are those of the disk. With --zero they become holes of the file.

#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <exception>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <string_view>

#include "filesystem_testing.h"
#include "filesystems/volumes.h"
#include "volume_testing.h"

namespace {

using namespace qcow2stream;
using nlohmann::json;

struct Arguments {
  bool swap = false;
  bool runs = true;
  bool zero = false;
  const char* image = nullptr;
};

Arguments parse(int argc, char** argv) {
  Arguments arguments;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--swap") {
      arguments.swap = true;
    } else if (word == "--no-runs") {
      arguments.runs = false;
    } else if (word == "--zero") {
      arguments.zero = true;
    } else {
      arguments.image = argv[i];
    }
  }
  if (arguments.image == nullptr) throw std::runtime_error("volumes: no image");
  return arguments;
}

void punch(const char* path, const std::vector<testing::LeftOutRun>& runs) {
  const int fd = ::open(path, O_WRONLY | O_CLOEXEC);
  bool is_good = fd >= 0;
  for (const auto& run : runs) {
    is_good =
        is_good && ::fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                               static_cast<off_t>(run.begin), static_cast<off_t>(run.length)) == 0;
  }
  if (fd >= 0) ::close(fd);
  if (!is_good) throw std::runtime_error("volumes: no holes");
}

// Runs of the disk.
std::vector<testing::LeftOutRun> runs_of(const FoundVolume& found,
                                         const testing::CollectedRuns& collected) {
  const auto in_order = collected.in_order();
  if (const auto fault = testing::fault_of(in_order, found.volume->size()); !fault.empty())
    throw std::runtime_error(fault);
  std::vector<testing::LeftOutRun> runs;
  for (const auto& run : in_order) {
    for (const auto& there : on_disk(found, {VolumeOffset(run.begin), run.length}))
      runs.push_back({there.begin.value(), there.length, run.kind});
  }
  return runs;
}

json examined(const FoundVolume& found, const Arguments& arguments) {
  testing::CollectedRuns collected;
  const Kinds kinds{.free = true, .swap = arguments.swap};
  const Finding finding = examine(found, kinds, collected);
  json volume = {{"name", found.name},
                 {"size", found.volume->size()},
                 {"format", finding.format},
                 {"label", finding.name},
                 {"block_size", finding.block_size},
                 {"used", finding.used},
                 {"free", finding.free},
                 {"kept_because", finding.kept_because},
                 {"remedy", finding.remedy},
                 {"pieces", json::array()},
                 {"left_out", 0}};
  for (const Piece& piece : found.pieces)
    volume["pieces"].push_back(
        {piece.at.value(), piece.on_disk.begin.value(), piece.on_disk.length});
  if (finding.kept()) return volume;
  const auto runs = runs_of(found, collected);
  volume["left_out"] = testing::sum_of(runs);
  for (const auto& run : runs) {
    if (!arguments.runs) break;
    volume["runs"].push_back(
        {run.begin, run.length, run.kind == LeftOutKind::kFree ? "free" : "swap"});
  }
  if (arguments.zero) punch(arguments.image, runs);
  return volume;
}

void run(const Arguments& arguments) {
  const auto begin = std::chrono::steady_clock::now();
  const testing::FileVolume disk(arguments.image);
  json volumes = json::array();
  for (const FoundVolume& found : find_volumes(disk)) volumes.push_back(examined(found, arguments));
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  std::puts(json{{"read", disk.bytes_read()}, {"seconds", took.count()}, {"volumes", volumes}}
                .dump()
                .c_str());
}

}  // namespace

int main(int argc, char** argv) {
  try {
    run(parse(argc, argv));
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
