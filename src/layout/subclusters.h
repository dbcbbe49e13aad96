// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <memory>

#include "layout/cluster_map.h"
#include "qcow2/geometry.h"

namespace qcow2stream {

// A disk that was surveyed in subclusters, as if they were clusters, as a map of clusters with
// extended L2 entries. `geometry` is that of the image; the map's clusters are a 32nd of its.
std::shared_ptr<const ClusterMap> group_subclusters(const ClusterMap& subclusters,
                                                    const qcow2::Geometry& geometry);

}  // namespace qcow2stream
