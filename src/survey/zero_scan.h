// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <cstdint>

#include "layout/cluster_map_builder.h"
#include "qcow2stream/disk.h"
#include "survey/work.h"

namespace qcow2stream {

// How many bytes of each cluster are read first: a page, which is the least that a read from the
// page cache or the disk costs anyway.
inline constexpr std::uint64_t kProbe = 4096;

// Is what one worker of a survey does that looks into the data: it takes pieces of `work` until
// there are no more and marks in `map` every cluster that holds a byte other than zero. Any number
// of workers may run at once. Throws Error if the disk cannot be read.
void scan_for_zeros(const Disk& disk, SurveyWork& work, const qcow2::Geometry& geometry,
                    ClusterMapBuilder& map);

}  // namespace qcow2stream
