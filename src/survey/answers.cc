// SPDX-License-Identifier: GPL-2.0-or-later

#include "survey/answers.h"

#include "disk/checked_runs.h"
#include "lists/allocation_list.h"
#include "lists/changed_list.h"
#include "lists/cluster_marker.h"
#include "survey/extents.h"

namespace qcow2stream {
namespace {

GuestRange whole(const Disk& disk) {
  return {GuestOffset(0), disk.size()};
}

struct RunsOf {
  const Disk& disk;
  const qcow2::Geometry& geometry;

  std::unique_ptr<RunCursor> operator()(const DiskItself& /*unused*/) const {
    return checked_runs(disk.runs(whole(disk)), whole(disk));
  }
  std::unique_ptr<RunCursor> operator()(const Everything& /*unused*/) const {
    return disk.Disk::runs(whole(disk));
  }
  std::unique_ptr<RunCursor> operator()(const AllocationList& list) const {
    return extents_of(read_allocation_list(list.file, disk, geometry), Listed::kData, disk.size());
  }
};

struct ChangesOf {
  const Disk& disk;
  const qcow2::Geometry& geometry;
  bool believe_zeros;

  std::shared_ptr<const ClusterMap> operator()(
      const std::shared_ptr<const Changes>& changes) const {
    return read_changes(*changes, disk.size(), geometry, believe_zeros);
  }
  std::shared_ptr<const ClusterMap> operator()(const ChangedList& list) const {
    return read_changed_list(list.file, disk, geometry);
  }
};

}  // namespace

std::unique_ptr<RunCursor> runs_of(const Allocation& allocation, const Disk& disk,
                                   const qcow2::Geometry& geometry) {
  return std::visit(RunsOf{disk, geometry}, allocation);
}

std::shared_ptr<const ClusterMap> changes_of(const Only& only, const Disk& disk,
                                             const qcow2::Geometry& geometry) {
  return std::visit(ChangesOf{disk, geometry, only.believe_zeros}, only.changes);
}

}  // namespace qcow2stream
