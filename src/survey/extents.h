// SPDX-License-Identifier: GPL-2.0-or-later
//
// Runs of data and holes that do not come from a disk.

#pragma once

#include <cstdint>
#include <memory>

#include "layout/cluster_map.h"
#include "qcow2stream/disk.h"
#include "qcow2stream/manifest.h"

namespace qcow2stream {

enum class Listed {
  kData,  // clusters with data
  kAll,   // clusters of any kind
};

// The runs of a disk of `disk_size` bytes that has data where the map has clusters that are listed.
std::unique_ptr<RunCursor> extents_of(std::shared_ptr<const ClusterMap> map, Listed listed,
                                      std::uint64_t disk_size);

// The runs of the content that a manifest, which must outlive the cursor, is of: chunks of zeros
// are holes. The last one goes on to the end of its chunk.
std::unique_ptr<RunCursor> runs_of(const Manifest& manifest);

// The runs of `size` bytes that have data where one of the two has data. `a` and `b` may be of
// disks of any size; what lies behind the end of one of them is a hole in it.
std::unique_ptr<RunCursor> union_of(std::unique_ptr<RunCursor> a, std::unique_ptr<RunCursor> b,
                                    std::uint64_t size);

// The same where both have data.
std::unique_ptr<RunCursor> intersection_of(std::unique_ptr<RunCursor> a,
                                           std::unique_ptr<RunCursor> b, std::uint64_t size);

}  // namespace qcow2stream
