// SPDX-License-Identifier: GPL-2.0-or-later
//
// The map against a vector of booleans.

#include "plan/cluster_map.h"
#include "plan/cluster_map_builder.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <thread>
#include <vector>

namespace qcow2stream {
namespace {

struct Marks {
  qcow2::Geometry geometry;
  ClusterCount clusters = 0;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges;  // first, count

  [[nodiscard]] std::vector<bool> naive() const {
    std::vector<bool> bits(clusters);
    for (const auto& [first, count] : ranges) {
      for (std::uint64_t i = first; i < first + count; ++i) bits[i] = true;
    }
    return bits;
  }
  [[nodiscard]] std::shared_ptr<const ClusterMap> map() const {
    ClusterMapBuilder builder(geometry, clusters);
    for (const auto& [first, count] : ranges)
      builder.mark(ClusterKind::kData, GuestCluster(first), count);
    return builder.finish();
  }
};

// Few and large, so that whole chunks come out full, empty and mixed.
Marks arbitrary_marks() {
  Marks marks;
  marks.geometry.cluster_bits = *rc::gen::element(9U, 12U, 16U, 19U);
  marks.clusters = *rc::gen::inRange<ClusterCount>(1, 300'000);
  const auto ranges = *rc::gen::inRange(0, 12);
  for (int i = 0; i < ranges; ++i) {
    const auto first = *rc::gen::inRange<std::uint64_t>(0, marks.clusters);
    const auto most = *rc::gen::element<std::uint64_t>(1, 70, 40'000, 200'000);
    marks.ranges.emplace_back(
        first, *rc::gen::inRange<std::uint64_t>(1, std::min(most, marks.clusters - first) + 1));
  }
  return marks;
}

RC_GTEST_PROP(ClusterMapProperty, AgreesWithAVectorOfBooleans, ()) {
  const Marks marks = arbitrary_marks();
  const auto bits = marks.naive();
  const auto map = marks.map();
  const std::uint64_t per_table = marks.geometry.l2_entries();

  std::uint64_t rank = 0;
  std::uint64_t tables = 0;
  std::uint64_t next_data = map->next(ClusterKind::kData, GuestCluster(0)).value();
  for (std::uint64_t i = 0; i < marks.clusters; ++i) {
    if (i % per_table == 0) {
      const std::uint64_t end = std::min(i + per_table, marks.clusters);
      bool used = false;
      for (std::uint64_t k = i; k < end; ++k) used = used || bits[k];
      RC_ASSERT(map->l2_tables_before(i / per_table) == tables);
      if (used) {
        if (tables < 50 || tables % 97 == 0) RC_ASSERT(map->nth_l2_table(tables) == i / per_table);
        RC_ASSERT(map->next_l2_table(i / per_table) == i / per_table);
        ++tables;
      } else {
        RC_ASSERT(map->next_l2_table(i / per_table) > i / per_table);
      }
    }
    if (bits[i]) {
      RC_ASSERT(next_data == i);
      if (i % 61 == 0 || rank < 100) {
        RC_ASSERT(map->before(ClusterKind::kData, GuestCluster(i)) == rank);
        RC_ASSERT(map->nth(ClusterKind::kData, rank) == GuestCluster(i));
      }
      ++rank;
      next_data = map->next(ClusterKind::kData, GuestCluster(i + 1)).value();
    } else if (i % 61 == 0) {
      RC_ASSERT(map->next_other(ClusterKind::kData, GuestCluster(i)) == GuestCluster(i));
      RC_ASSERT(map->before(ClusterKind::kData, GuestCluster(i)) == rank);
    }
  }
  RC_ASSERT(next_data == marks.clusters);
  RC_ASSERT(map->count(ClusterKind::kData) == rank);
  RC_ASSERT(map->l2_tables() == tables);
  RC_ASSERT(map->before(ClusterKind::kData, map->end()) == rank);
}

RC_GTEST_PROP(ClusterMapProperty, RunsCoverTheDataAndNothingElse, ()) {
  const Marks marks = arbitrary_marks();
  const auto bits = marks.naive();
  const auto map = marks.map();
  std::vector<bool> seen(marks.clusters);
  for (GuestCluster at = map->next(ClusterKind::kData, GuestCluster(0)); at < map->end();) {
    const GuestCluster gap = map->next_other(ClusterKind::kData, at);
    RC_ASSERT(gap > at);
    for (; at < gap; at += 1) seen[at.value()] = true;
    at = map->next(ClusterKind::kData, gap);
  }
  RC_ASSERT(seen == bits);
}

TEST(ClusterMap, TwoExbibytesOfEverythingAndOfNothingCostNextToNothing) {
  const qcow2::Geometry geometry{.cluster_bits = 21};
  const ClusterCount clusters = 1ULL << 40;  // of 2 MiB
  ClusterMapBuilder full(geometry, clusters);
  full.mark(ClusterKind::kData, GuestCluster(0), clusters);
  const auto all = full.finish();
  EXPECT_EQ(all->count(ClusterKind::kData), clusters);
  EXPECT_EQ(all->l2_tables(), 1ULL << 22);
  EXPECT_EQ(all->nth(ClusterKind::kData, clusters - 1), GuestCluster(clusters - 1));
  EXPECT_LT(all->memory(), 4096U);

  ClusterMapBuilder sparse(geometry, clusters);
  sparse.mark(ClusterKind::kData, GuestCluster(clusters / 3), 1);
  sparse.mark(ClusterKind::kData, GuestCluster(clusters - 1), 1);
  const auto two = sparse.finish();
  EXPECT_EQ(two->count(ClusterKind::kData), 2U);
  EXPECT_EQ(two->next(ClusterKind::kData, GuestCluster(clusters / 3 + 1)),
            GuestCluster(clusters - 1));
  EXPECT_LT(two->memory(), 100'000U);
}

TEST(ClusterMap, ThreadsThatMarkTheSameWordsLoseNothing) {
  const qcow2::Geometry geometry;
  constexpr ClusterCount kClusters = 100'000;
  ClusterMapBuilder builder(geometry, kClusters);
  {
    std::vector<std::jthread> threads;
    for (unsigned t = 0; t < 4; ++t) {
      threads.emplace_back([&builder, t] {
        for (std::uint64_t i = t; i < kClusters; i += 4)
          builder.mark(ClusterKind::kData, GuestCluster(i), 1);
      });
    }
  }
  EXPECT_EQ(builder.finish()->count(ClusterKind::kData), kClusters);
}

}  // namespace
}  // namespace qcow2stream
