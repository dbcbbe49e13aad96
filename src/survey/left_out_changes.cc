// SPDX-License-Identifier: GPL-2.0-or-later

#include "survey/left_out_changes.h"

#include <algorithm>
#include <optional>

#include "survey/left_out_clusters.h"

namespace qcow2stream {
namespace {

// Which parts of the base are known to be zeros.
class ZerosOfBase {
 public:
  explicit ZerosOfBase(const ChangesAndLeftOut& all)
      : left_out_(all.base_left_out), manifest_(all.base) {
    if (manifest_ != nullptr) cursor_.emplace(*manifest_);
  }

  // Up to where it is from `at` on, as far as that matters: to `end`.
  GuestOffset end_of_zeros(GuestOffset at, GuestOffset end) {
    while (at < end) {
      const GuestOffset next = std::max(end_of_left_out(left_out_, at), end_of_zero_chunks(at));
      if (next <= at) return at;
      at = next;
    }
    return end;
  }

 private:
  GuestOffset end_of_zero_chunks(GuestOffset at) {
    constexpr GuestOffset kNoEnd(~std::uint64_t{0});
    if (manifest_ == nullptr) return at;
    if (at.value() >= manifest_->header().length) return kNoEnd;
    const unsigned bits = manifest_->header().chunk_bits;
    const std::uint64_t number = at.value() >> bits;
    const ManifestChunk chunk = cursor_->at(number);
    if (!chunk.zeros) return at;
    const std::uint64_t behind = number + chunk.run;
    return behind == manifest_->chunk_count() ? kNoEnd : GuestOffset(behind << bits);
  }

  const ClusterMap* left_out_;
  const Manifest* manifest_;
  std::optional<Manifest::Cursor> cursor_;
};

// Calls `act` for each run of clusters of this kind.
template <class Act>
void for_each_run(const ClusterMap& map, ClusterKind kind, const Act& act) {
  GuestCluster at = map.next(kind, GuestCluster(0));
  while (at < map.end()) {
    const GuestCluster end = map.next_other(kind, at);
    act(at, end);
    at = map.next(kind, end);
  }
}

// The parts of the run that are not left out.
template <class Act>
void for_each_kept(const ClusterMap* left_out, GuestCluster at, GuestCluster end, const Act& act) {
  while (at < end) {
    GuestCluster stop = end;
    if (left_out != nullptr) {
      at = std::min(end, left_out->next_other(ClusterKind::kData, at));
      stop = std::min(end, left_out->next(ClusterKind::kData, at));
    }
    if (at < stop) act(at, stop);
    at = stop;
  }
}

}  // namespace

void mark_left_out(const ChangesAndLeftOut& all, ClusterMapBuilder& map) {
  if (all.left_out == nullptr) return;
  const qcow2::Geometry& geometry = all.left_out->geometry();
  ZerosOfBase zeros(all);
  for_each_run(*all.left_out, ClusterKind::kData, [&](GuestCluster at, GuestCluster end) {
    while (at < end) {
      const GuestOffset known = zeros.end_of_zeros(geometry.offset(at), geometry.offset(end));
      const ClusterCount whole = (known - geometry.offset(at)) >> geometry.cluster_bits;
      if (whole == 0) map.mark(ClusterKind::kZero, at, 1);
      at += std::max<ClusterCount>(whole, 1);
    }
  });
}

std::shared_ptr<const ClusterMap> changes_beside_left_out(const ChangesAndLeftOut& all) {
  const qcow2::Geometry& geometry = all.changes.geometry();
  ClusterMapBuilder map(geometry, all.changes.guest_clusters());
  for (const ClusterKind kind : {ClusterKind::kData, ClusterKind::kZero}) {
    for_each_run(all.changes, kind, [&](GuestCluster at, GuestCluster end) {
      for_each_kept(all.left_out, at, end, [&](GuestCluster first, GuestCluster stop) {
        map.mark(kind, first, stop - first);
      });
    });
  }
  if (all.base_left_out == nullptr) return map.finish();
  const qcow2::Geometry& base = all.base_left_out->geometry();
  for_each_run(*all.base_left_out, ClusterKind::kData, [&](GuestCluster at, GuestCluster end) {
    const GuestCluster map_end = all.changes.end();
    const GuestCluster first = std::min(map_end, geometry.cluster(base.offset(at)));
    const GuestCluster stop = std::min(map_end, geometry.cluster(base.offset(end) - 1) + 1);
    for_each_kept(all.left_out, first, stop, [&](GuestCluster from, GuestCluster to) {
      map.mark(ClusterKind::kData, from, to - from);
    });
  });
  return map.finish();
}

}  // namespace qcow2stream
