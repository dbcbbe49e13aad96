// SPDX-License-Identifier: GPL-2.0-or-later
//
// From runs of bytes to clusters. In the ClusterMap that comes out, a cluster is kData if some part
// of it has changed and may hold anything, and kZero if every byte of it has changed and reads as
// zeros. All others have not changed. A list of what is allocated is turned into clusters in the
// same way: there "changed" means "allocated".

#pragma once

#include <memory>
#include <string>

#include "layout/cluster_map_builder.h"
#include "qcow2/geometry.h"
#include "qcow2stream/changes.h"

namespace qcow2stream {

// Turns runs into clusters. Neighbours that are handed over one after the other and read as zeros
// count as one run.
class ClusterMarker {
 public:
  // `end` is where the guest's disk ends. No run may go beyond it.
  ClusterMarker(const qcow2::Geometry& geometry, GuestOffset end);

  void add(GuestRange range, Run::Holds kind);
  // To be called once, when everything has been added.
  std::shared_ptr<const ClusterMap> finish();

 private:
  void mark_touched(GuestRange range);
  void mark_zeros();

  const qcow2::Geometry geometry_;
  const GuestOffset end_;
  GuestRange zeros_;  // a run of zeros that has not been marked yet
  ClusterMapBuilder clusters_;
};

// The clusters of a disk of `disk_size` bytes that `changes` tells of. Without `believe_zeros`,
// what has changed and is said to read as zeros is taken for data.
std::shared_ptr<const ClusterMap> read_changes(const Changes& changes, std::uint64_t disk_size,
                                               const qcow2::Geometry& geometry, bool believe_zeros);

}  // namespace qcow2stream
