// SPDX-License-Identifier: GPL-2.0-or-later

#include "layout/subclusters.h"

#include <cassert>
#include <cstdint>

#include "base/bits.h"
#include "layout/cluster_map_builder.h"
#include "qcow2/limits.h"

namespace qcow2stream {
namespace {

using qcow2::kSubclusters;

// The second word of the extended L2 entry of a cluster whose first subcluster is `first`.
std::uint64_t entry_of(const ClusterMap& subclusters, GuestCluster first) {
  std::uint64_t entry = 0;
  for (unsigned i = 0; i < kSubclusters && first + i < subclusters.end(); ++i) {
    const auto kind = subclusters.kind_of(first + i);
    if (kind == ClusterKind::kData) entry |= 1ULL << i;
    if (kind == ClusterKind::kZero) entry |= 1ULL << (kSubclusters + i);
  }
  return entry;
}

}  // namespace

std::shared_ptr<const ClusterMap> group_subclusters(const ClusterMap& subclusters,
                                                    const qcow2::Geometry& geometry) {
  assert(geometry.extended_l2 &&
         geometry.cluster_size() == kSubclusters * subclusters.geometry().cluster_size());
  ClusterMapBuilder clusters(geometry, div_up(subclusters.guest_clusters(), kSubclusters));
  GuestCluster at = subclusters.next_mapped(GuestCluster(0));
  while (at < subclusters.end()) {
    const ClusterKind kind = *subclusters.kind_of(at);
    const ClusterCount alike = subclusters.next_other(kind, at) - at;
    const GuestCluster cluster(at.value() / kSubclusters);
    const GuestCluster first(cluster.value() * kSubclusters);
    if (at == first && alike >= kSubclusters) {
      clusters.mark(kind, cluster, alike / kSubclusters);
      at += alike / kSubclusters * kSubclusters;
    } else {
      clusters.mark_divided(cluster, entry_of(subclusters, first));
      at = first + kSubclusters;
    }
    at = at < subclusters.end() ? subclusters.next_mapped(at) : subclusters.end();
  }
  return clusters.finish();
}

}  // namespace qcow2stream
