// SPDX-License-Identifier: GPL-2.0-or-later
//
// Bare probes: which clusters of the data extents hold anything but zeros?

#pragma once

#include <cstdint>
#include <vector>

#include "floor/support.h"

namespace bench {

struct Probed {
  std::uint64_t clusters = 0;  // that were looked at
  std::uint64_t nonzero = 0;
  std::vector<Run> data;  // the runs of nonzero clusters; the last may end with the disk
  double seconds = 0;
};

// Includes asking for the extents. `threads` threads, each with its part of the clusters.
Probed probe(int fd, unsigned threads);
unsigned default_threads();

}  // namespace bench
