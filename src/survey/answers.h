// SPDX-License-Identifier: GPL-2.0-or-later
//
// Who says what of a disk may hold data, and what has changed: each way to say it is answered here,
// and nobody behind asks which one it was.

#pragma once

#include <memory>

#include "layout/cluster_map.h"
#include "qcow2/geometry.h"
#include "qcow2stream/disk.h"
#include "qcow2stream/survey.h"

namespace qcow2stream {

// The runs of all of `disk`, which has to stay: what may hold data, and what reads as zeros. A list
// is read now, and tells them in whole clusters. Throws Error.
std::unique_ptr<RunCursor> runs_of(const Allocation& allocation, const Disk& disk,
                                   const qcow2::Geometry& geometry);

// What has changed, cluster by cluster: kData may still read as zeros, kZero does. Throws Error.
std::shared_ptr<const ClusterMap> changes_of(const Only& only, const Disk& disk,
                                             const qcow2::Geometry& geometry);

}  // namespace qcow2stream
