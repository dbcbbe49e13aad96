// SPDX-License-Identifier: GPL-2.0-or-later
//
// Extents that do not come from a disk.

#pragma once

#include <cstdint>
#include <memory>

#include "layout/cluster_map.h"
#include "qcow2stream/disk.h"

namespace qcow2stream {

enum class Listed {
  kData,  // the clusters with data
  kAll,   // the clusters of any kind
};

// The clusters of a map as data among the extents of a disk of `disk_size` bytes.
std::unique_ptr<RunCursor> extents_of(std::shared_ptr<const ClusterMap> map, Listed listed,
                                      std::uint64_t disk_size);

// Data where one of the two has data. They may be of disks of any size; what lies behind their end
// up to `size` bytes is a hole.
std::unique_ptr<RunCursor> union_of(std::unique_ptr<RunCursor> a, std::unique_ptr<RunCursor> b,
                                    std::uint64_t size);

}  // namespace qcow2stream
