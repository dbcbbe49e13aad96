// SPDX-License-Identifier: GPL-2.0-or-later
//
// What is left out of a disk, or was left out of the base of an increment, in clusters. In the maps
// here a cluster of kData is left out, and no cluster is of another kind.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "layout/cluster_map.h"
#include "qcow2/geometry.h"
#include "qcow2stream/leave_out.h"
#include "qcow2stream/manifest.h"
#include "qcow2stream/run.h"

namespace qcow2stream {

// The geometry in which its units are the clusters.
qcow2::Geometry unit_geometry(const LeftOut& left_out);

// The clusters that are left out as a whole.
std::shared_ptr<const ClusterMap> left_out_clusters(const LeftOut& left_out,
                                                    const qcow2::Geometry& geometry);

// What an image left out of which this is the manifest, exactly: in units that are as large as that
// allows. Null where it left nothing out.
std::shared_ptr<const ClusterMap> left_out_of_base(const Manifest& manifest);

// Whether all of the range, which must not be empty, is left out. What lies behind the last cluster
// of the map is not. Both take null for a map of nothing.
bool is_left_out(const ClusterMap* left_out, GuestRange range);
// Where what is left out from `at` on ends; `at` itself if nothing begins there.
GuestOffset end_of_left_out(const ClusterMap* left_out, GuestOffset at);

// Makes zeros of what is left out of `bytes`, which are those of the disk from `begin` on.
void blank(const ClusterMap* left_out, GuestOffset begin, std::span<std::byte> bytes);

// The same runs, but of zeros where something is left out. Returns `runs` for null.
std::unique_ptr<RunCursor> without_left_out(std::unique_ptr<RunCursor> runs,
                                            std::shared_ptr<const ClusterMap> left_out);

}  // namespace qcow2stream
