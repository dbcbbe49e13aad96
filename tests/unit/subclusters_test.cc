// SPDX-License-Identifier: GPL-2.0-or-later
//
// Subclusters that were surveyed one by one, as the entries of clusters.

#include "layout/subclusters.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <optional>
#include <vector>

#include "layout/cluster_map_builder.h"
#include "qcow2/entries.h"

namespace qcow2stream {
namespace {

using KindOfEach = std::vector<std::optional<ClusterKind>>;

std::shared_ptr<const ClusterMap> map_of(const KindOfEach& kinds, const qcow2::Geometry& geometry) {
  ClusterMapBuilder builder(geometry, kinds.size());
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    if (kinds[i]) builder.mark(*kinds[i], GuestCluster(i), 1);
  }
  return builder.finish();
}

KindOfEach arbitrary_kinds() {
  KindOfEach kinds;
  const auto runs = *rc::gen::inRange(0, 20);
  for (int i = 0; i < runs; ++i) {
    const auto length = *rc::gen::element<std::size_t>(1, 3, 31, 32, 33, 64, 100, 3000);
    const auto kind = *rc::gen::element(0, 1, 2);
    std::optional<ClusterKind> value;
    if (kind != 0) value = kind == 1 ? ClusterKind::kData : ClusterKind::kZero;
    kinds.insert(kinds.end(), length, value);
  }
  return kinds;
}

std::uint64_t naive_entry(const KindOfEach& kinds, std::size_t cluster) {
  std::uint64_t entry = 0;
  for (std::size_t i = 0; i < 32 && cluster * 32 + i < kinds.size(); ++i) {
    const auto kind = kinds[cluster * 32 + i];
    if (kind) entry |= 1ULL << (*kind == ClusterKind::kData ? i : 32 + i);
  }
  return entry;
}

RC_GTEST_PROP(SubclustersProperty, EveryEntryHasTheBitsOfItsSubclusters, ()) {
  const KindOfEach kinds = arbitrary_kinds();
  qcow2::Geometry geometry{.cluster_bits = *rc::gen::element(14U, 16U), .extended_l2 = true};
  const qcow2::Geometry divided{.cluster_bits = geometry.cluster_bits - qcow2::kSubclusterBits};
  const auto map = group_subclusters(*map_of(kinds, divided), geometry);
  const std::size_t clusters = (kinds.size() + 31) / 32;
  RC_ASSERT(map->guest_clusters() == clusters);
  RC_ASSERT(map->geometry() == geometry);
  for (std::size_t i = 0; i < clusters; ++i) {
    const std::uint64_t entry = naive_entry(kinds, i);
    const GuestCluster cluster(i);
    RC_ASSERT(map->subclusters(cluster) == entry);
    std::optional<ClusterKind> kind;
    if (entry != 0) kind = ClusterKind::kZero;
    if ((entry & qcow2::kAllSubclustersAllocated) != 0) kind = ClusterKind::kData;
    RC_ASSERT(map->kind_of(cluster) == kind);
    const bool alike = entry == 0 || entry == qcow2::kAllSubclustersAllocated ||
                       entry == qcow2::kAllSubclustersZero;
    RC_ASSERT((map->next_divided(cluster) == cluster) == !alike);
  }
}

TEST(Subclusters, LongRunsAreNotKeptOneByOne) {
  const qcow2::Geometry divided{.cluster_bits = 11};
  ClusterMapBuilder builder(divided, 32ULL << 30);
  builder.mark(ClusterKind::kZero, GuestCluster(0), 32ULL << 30);
  const auto map = group_subclusters(*builder.finish(), {.cluster_bits = 16, .extended_l2 = true});
  EXPECT_EQ(map->count(ClusterKind::kZero), 1ULL << 30);
  EXPECT_EQ(map->next_divided(GuestCluster(0)), map->end());
  EXPECT_LT(map->memory(), 4096U);
}

}  // namespace
}  // namespace qcow2stream
