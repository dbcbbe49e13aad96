// SPDX-License-Identifier: GPL-2.0-or-later
//
// The units of a disk that are left out: its clusters or subclusters. What is told of it comes in
// runs of bytes.

#pragma once

#include <cstdint>
#include <memory>

#include "filesystems/finding.h"
#include "layout/cluster_map_builder.h"
#include "qcow2/geometry.h"
#include "qcow2stream/run.h"

namespace qcow2stream {

// Marks the units that lie wholly in one of the runs: as kData what is free, as kZero what is swap
// space. Takes a bit a unit, however many runs there are.
class UnusedUnits {
 public:
  UnusedUnits(std::uint64_t disk_size, std::uint64_t unit);

  // Runs that come one after the other and touch count as one. `run` lies within the disk.
  void add(GuestRange run, LeftOutKind kind);
  // To be called once, when all has been added.
  std::shared_ptr<const ClusterMap> finish();

 private:
  void mark_last();

  const qcow2::Geometry geometry_;
  const GuestOffset disk_end_;
  ClusterMapBuilder units_;
  GuestRange last_;  // has not been marked yet
  LeftOutKind last_kind_ = LeftOutKind::kFree;
};

// The geometry of units of this size, a power of two.
qcow2::Geometry geometry_of_units(std::uint64_t unit);

// All units of a kind in the map, put into another one.
void copy_units(const ClusterMap& from, ClusterKind kind, ClusterMapBuilder& to);

// How many bytes of the disk they are: the last unit may be cut off.
std::uint64_t bytes_of_units(const ClusterMap& units, ClusterKind kind, std::uint64_t disk_size);

// Runs of zeros where the map has units of any kind, of data elsewhere.
std::unique_ptr<RunCursor> runs_of_units(std::shared_ptr<const ClusterMap> units,
                                         std::uint64_t disk_size);

}  // namespace qcow2stream
