// SPDX-License-Identifier: GPL-2.0-or-later
//
// Asks whoever says what of a disk may hold data, or what has changed. Each of these ways is
// answered here, and nothing behind this file asks which one it was.

#pragma once

#include <memory>

#include "layout/cluster_map.h"
#include "qcow2/geometry.h"
#include "qcow2stream/disk.h"
#include "qcow2stream/survey.h"

namespace qcow2stream {

// The runs of all of `disk`, which must outlive the cursor: they may hold data, or they read as
// zeros. A list is read during the call, and its runs are whole clusters. Throws Error.
std::unique_ptr<RunCursor> runs_of(const Allocation& allocation, const Disk& disk,
                                   const qcow2::Geometry& geometry);

// What has changed, cluster by cluster. A cluster of kData may still read as zeros, one of kZero
// does. Throws Error.
std::shared_ptr<const ClusterMap> changes_of(const Only& only, const Disk& disk,
                                             const qcow2::Geometry& geometry);

}  // namespace qcow2stream
