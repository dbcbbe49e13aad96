// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <memory>

#include "layout/cluster_map.h"
#include "qcow2/geometry.h"

namespace qcow2stream {

// Makes a map of clusters with extended L2 entries of the map of a disk that was surveyed in
// subclusters as if these were clusters. `geometry` is that of the image, whose clusters are 32
// times the size of those of `subclusters`.
std::shared_ptr<const ClusterMap> group_subclusters(const ClusterMap& subclusters,
                                                    const qcow2::Geometry& geometry);

}  // namespace qcow2stream
