// SPDX-License-Identifier: GPL-2.0-or-later
//
// What has changed, cluster by cluster: in the ClusterMap that comes out, kData is a cluster that
// has changed in some part and may hold anything, kZero one of which every byte has changed and
// reads as zeros. All others have not changed.

#pragma once

#include <memory>
#include <string>

#include "layout/cluster_map_builder.h"
#include "qcow2/geometry.h"
#include "qcow2stream/changes.h"

namespace qcow2stream {

// Turns runs into clusters. Neighbours that are handed over one after the other and read as zeros
// count as one run.
class ChangeMarker {
 public:
  // `end` is where the guest's disk ends; no run goes beyond.
  ChangeMarker(const qcow2::Geometry& geometry, GuestOffset end);

  void add(GuestRange range, Run::Holds kind);
  // Everything has been added.
  std::shared_ptr<const ClusterMap> finish();

 private:
  void mark_touched(GuestRange range);
  void mark_zeros();

  const qcow2::Geometry geometry_;
  const GuestOffset end_;
  GuestRange zeros_;  // that have not been marked yet
  ClusterMapBuilder clusters_;
};

// The clusters of a disk of `disk_size` bytes that `changes` tells of. Without `believe_zeros` what
// has changed and is said to read as zeros may hold anything.
std::shared_ptr<const ClusterMap> read_changes(const Changes& changes, std::uint64_t disk_size,
                                               const qcow2::Geometry& geometry, bool believe_zeros);

}  // namespace qcow2stream
