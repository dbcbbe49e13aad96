// SPDX-License-Identifier: GPL-2.0-or-later
//
// What free-runs, volumes and flipped-metadata share: the words of their command lines, and what
// they print and do.

#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "filesystem_testing.h"
#include "filesystems/finding.h"
#include "filesystems/volumes.h"
#include "system/fd.h"

namespace qcow2stream::testing {

struct ExaminedImage {
  std::string format;  // that of --as; empty: it is found out
  Kinds kinds{.free = true};
  bool tells_runs = true;  // --no-runs
  bool makes_holes = false;
  const char* path = nullptr;
};

inline ExaminedImage examined_image(int argc, char** argv) {
  ExaminedImage image;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--swap") {
      image.kinds.swap = true;
    } else if (word == "--no-runs") {
      image.tells_runs = false;
    } else if (word == "--zero") {
      image.makes_holes = true;
    } else if (word == "--as" && i + 1 < argc) {
      image.format = argv[++i];
    } else {
      image.path = argv[i];
    }
  }
  if (image.path == nullptr) throw std::runtime_error(std::string(argv[0]) + ": no image");
  return image;
}

inline nlohmann::json json_of(const Finding& finding) {
  return {{"format", finding.format},
          {"block_size", finding.block_size},
          {"used", finding.used},
          {"free", finding.free},
          {"kept_because", finding.kept_because},
          {"remedy", finding.remedy}};
}

// Runs of the disk.
inline std::vector<LeftOutRun> runs_on_disk(const FoundVolume& found,
                                            const CollectedRuns& collected) {
  const auto in_order = collected.in_order();
  if (const auto fault = fault_of(in_order, found.volume->size()); !fault.empty())
    throw std::runtime_error(fault);
  std::vector<LeftOutRun> runs;
  for (const auto& run : in_order) {
    for (const auto& there : on_disk(found, {VolumeOffset(run.begin), run.length}))
      runs.push_back({there.begin.value(), there.length, run.kind});
  }
  return runs;
}

// What --no-runs and --zero say of runs of the image that are left out.
inline nlohmann::json left_out(const ExaminedImage& image, const std::vector<LeftOutRun>& runs) {
  const UniqueFd fd(image.makes_holes ? ::open(image.path, O_WRONLY | O_CLOEXEC) : -1);
  auto json = nlohmann::json::array();
  for (const LeftOutRun& run : runs) {
    if (image.tells_runs) {
      json.push_back({run.begin, run.length, run.kind == LeftOutKind::kFree ? "free" : "swap"});
    }
    if (image.makes_holes &&
        ::fallocate(fd.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                    static_cast<off_t>(run.begin), static_cast<off_t>(run.length)) != 0) {
      throw std::runtime_error(std::string("no holes: ") + std::strerror(errno));
    }
  }
  return json;
}

// The main() of both: prints what `examine` makes of the image, and returns the status.
template <class Examine>
int print_examined(int argc, char** argv, const Examine& examine) {
  try {
    const nlohmann::json found = examine(examined_image(argc, argv));
    std::puts(found.dump().c_str());
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}

}  // namespace qcow2stream::testing
