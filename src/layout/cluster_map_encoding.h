// SPDX-License-Identifier: GPL-2.0-or-later
//
// A ClusterMap as bytes, for a saved plan. They are runs of clusters in the order of the disk, each
// of these numbers:
//
//     gap      how many clusters without an entry there are since the last run
//     what     4 * length + kind: 0 data, 1 compressed, 2 zero, 3 divided into subclusters
//     detail   of compressed clusters, the size of each in bytes; of a divided one, where the
//              length is 1, the second word of its extended L2 entry
//
// A number has 7 bits in each of its bytes, the lowest first. The highest bit is set in all but the
// last byte.

#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "layout/cluster_map.h"
#include "qcow2/geometry.h"
#include "qcow2stream/types.h"

namespace qcow2stream {

std::vector<std::byte> encode_cluster_map(const ClusterMap& map);

// The map that the bytes stand for. Null if they are no map of this geometry with so many clusters;
// they may come from anybody.
std::shared_ptr<const ClusterMap> decode_cluster_map(std::span<const std::byte> bytes,
                                                     const qcow2::Geometry& geometry,
                                                     ClusterCount guest_clusters);

}  // namespace qcow2stream
