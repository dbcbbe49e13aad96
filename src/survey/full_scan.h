// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include "layout/cluster_map_builder.h"
#include "qcow2/geometry.h"
#include "qcow2stream/disk.h"
#include "qcow2stream/manifest.h"
#include "qcow2stream/options.h"
#include "spool/compressed_store.h"
#include "survey/work.h"

namespace qcow2stream {

// What becomes of a cluster that reads as zeros.
enum class OnZeros {
  kLeaveOut,  // nothing: it stays unallocated
  kMark,      // it becomes a zero cluster
  kStore,     // it is stored like any other
};

// What a survey that reads every byte does with them.
struct FullScan {
  const Disk& disk;
  // If given, clusters that are the same in both disks stay unallocated. What lies behind the end
  // of the base reads as zeros.
  const Disk* base = nullptr;
  // The same by the digests of chunks; only one of the two may be given. The work must come in
  // whole chunks.
  const Manifest* base_manifest = nullptr;
  // Both or none must be given. With them clusters are compressed, and are data only where that
  // does not make them smaller.
  const Compression* compression = nullptr;
  CompressedStore* store = nullptr;
  OnZeros on_zeros = OnZeros::kLeaveOut;
  // Null, or what is left out of the disk, in the geometry of the map, and was left out of the
  // base, in any. It reads as zeros. Clusters of the disk that are left out and that differ from
  // the base become zero clusters, whatever `on_zeros` says: nobody may emit what the disk holds.
  const ClusterMap* left_out = nullptr;
  const ClusterMap* base_left_out = nullptr;
  // If given, gets the digests of all that is read. The work must come in batches of whole chunks;
  // with a base_manifest, the chunks are as there.
  ManifestBuilder* content = nullptr;
};

// Is what one worker does: it reads what `work` hands out, which must be whole clusters, and marks
// in `map` what each of them is. Returns when there is no more work. Throws Error.
void scan_fully(const FullScan& scan, SurveyWork& work, const qcow2::Geometry& geometry,
                ClusterMapBuilder& map);

}  // namespace qcow2stream
