// SPDX-License-Identifier: GPL-2.0-or-later
//
// A ClusterMap as bytes, for a saved plan. Runs of clusters in the order of the disk, each
//
//     gap      clusters without an entry since the last run
//     what     4 * length + kind: 0 data, 1 compressed, 2 zero, 3 divided into subclusters
//     detail   compressed: the size of each cluster in bytes; divided (length 1): the second word
//     of
//              its extended L2 entry
//
// in numbers of 7 bits a byte, the lowest first, the highest bit set in all but the last byte.

#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "layout/cluster_map.h"
#include "qcow2/geometry.h"
#include "qcow2stream/types.h"

namespace qcow2stream {

std::vector<std::byte> encode_map(const ClusterMap& map);

// Null for bytes that are no map of this geometry with so many clusters.
// The bytes may come from anybody.
std::shared_ptr<const ClusterMap> decode_map(std::span<const std::byte> bytes,
                                             const qcow2::Geometry& geometry,
                                             ClusterCount guest_clusters);

}  // namespace qcow2stream
