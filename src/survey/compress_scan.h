// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include "plan/cluster_map_builder.h"
#include "qcow2/geometry.h"
#include "qcow2stream/disk.h"
#include "qcow2stream/options.h"
#include "spool/compressed_store.h"
#include "survey/work.h"

namespace qcow2stream {

// One worker of a survey that compresses: reads every cluster of the data that `work` hands out,
// which must be whole clusters, and marks it as compressed or, where that does not make it smaller,
// as data. With `leave_out_zeros` clusters of zeros stay unallocated. The compressed data goes into
// `store`. Returns when there is no more work. Throws Error.
void compress_clusters(const Disk& disk, SurveyWork& work, const qcow2::Geometry& geometry,
                       const Compression& compression, bool leave_out_zeros, ClusterMapBuilder& map,
                       CompressedStore& store);

}  // namespace qcow2stream
