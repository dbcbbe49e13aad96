// SPDX-License-Identifier: GPL-2.0-or-later

#include "lists/cluster_marker.h"

#include <algorithm>
#include <cassert>
#include <limits>

#include "base/bits.h"
#include "disk/checked_runs.h"
#include "layout/layout.h"

namespace qcow2stream {

ClusterMarker::ClusterMarker(const qcow2::Geometry& geometry, GuestOffset end)
    : geometry_(geometry), end_(end), clusters_(geometry, geometry.clusters_for(end.value())) {}

void ClusterMarker::add(GuestRange range, Run::Holds kind) {
  assert(range.begin <= end_ && range.length <= end_ - range.begin);
  if (range.length == 0) return;
  if (kind == Run::Holds::kZeros && zeros_.length > 0 && zeros_.end() == range.begin) {
    zeros_.length += range.length;
    return;
  }
  mark_zeros();
  if (kind == Run::Holds::kZeros) zeros_ = range;
  if (kind == Run::Holds::kData) mark_touched(range);
}

void ClusterMarker::mark_touched(GuestRange range) {
  const GuestCluster first = geometry_.cluster(range.begin);
  clusters_.mark(ClusterKind::kData, first, geometry_.cluster(range.end() - 1) - first + 1);
}

// In a cluster that the zeros cover in part, the rest has not changed or is told of in another run.
// So such a cluster has to be looked at.
void ClusterMarker::mark_zeros() {
  if (zeros_.length == 0) return;
  const std::uint64_t size = geometry_.cluster_size();
  const std::uint64_t begin = zeros_.begin.value();
  const std::uint64_t end = zeros_.end().value();
  const bool to_the_end = zeros_.end() == end_;
  const std::uint64_t first = align_up(begin, size);
  const std::uint64_t last = to_the_end ? align_up(end, size) : align_down(end, size);
  if (first < last) {
    clusters_.mark(ClusterKind::kZero, geometry_.cluster(GuestOffset(first)),
                   (last - first) >> geometry_.cluster_bits);
  }
  if (begin < first) mark_touched({zeros_.begin, std::min(first, end) - begin});
  if (std::max(last, begin) < end) mark_touched({GuestOffset(end - 1), 1});
  zeros_ = {};
}

std::shared_ptr<const ClusterMap> ClusterMarker::finish() {
  mark_zeros();
  return clusters_.finish();
}

std::shared_ptr<const ClusterMap> read_changes(const Changes& changes, std::uint64_t disk_size,
                                               const qcow2::Geometry& geometry,
                                               bool believe_zeros) {
  const GuestOffset disk_end(disk_size);
  const GuestOffset end(virtual_size_of(disk_size));
  ClusterMarker marker(geometry, end);
  // Where the source says nothing that makes sense, the disk may have changed. The source's disk
  // may be larger than ours.
  constexpr std::uint64_t kAnySize = std::numeric_limits<std::uint64_t>::max();
  const auto cursor = checked_runs(changes.runs(), {GuestOffset(0), kAnySize});
  while (auto change = cursor->next()) {
    if (change->range.begin >= disk_end) break;  // only the first part of the source's disk counts
    change->range.length = std::min(change->range.length, disk_end - change->range.begin);
    // Behind the disk's last byte there are only zeros to the end of the sector.
    if (change->range.end() == disk_end) change->range.length = end - change->range.begin;
    const bool in_doubt = change->holds == Run::Holds::kZeros && !believe_zeros;
    marker.add(change->range, in_doubt ? Run::Holds::kData : change->holds);
  }
  return marker.finish();
}

}  // namespace qcow2stream
