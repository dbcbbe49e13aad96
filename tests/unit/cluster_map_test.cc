// SPDX-License-Identifier: GPL-2.0-or-later
//
// The map against a vector of kinds.

#include "layout/cluster_map.h"
#include "layout/cluster_map_builder.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <optional>
#include <thread>
#include <vector>

namespace qcow2stream {
namespace {

using KindOfEach = std::vector<std::optional<ClusterKind>>;

std::uint32_t size_of(std::uint64_t cluster) {
  return static_cast<std::uint32_t>(cluster * 2'654'435'761U % 511 + 1);
}

struct Mark {
  ClusterKind kind;
  std::uint64_t first;
  std::uint64_t count;
};

struct Marks {
  qcow2::Geometry geometry;
  ClusterCount clusters = 0;
  std::vector<Mark> ranges;

  // The strongest kind wins, whatever the order: data, then compressed, then zero.
  [[nodiscard]] KindOfEach naive() const {
    KindOfEach kinds(clusters);
    for (const Mark& mark : ranges) {
      for (std::uint64_t i = mark.first; i < mark.first + mark.count; ++i) {
        kinds[i] = std::min(kinds[i].value_or(mark.kind), mark.kind);
      }
    }
    return kinds;
  }

  [[nodiscard]] std::shared_ptr<const ClusterMap> map() const {
    ClusterMapBuilder builder(geometry, clusters);
    std::vector<bool> compressed(clusters);  // each may come once
    for (const Mark& mark : ranges) {
      if (mark.kind != ClusterKind::kCompressed) {
        builder.mark(mark.kind, GuestCluster(mark.first), mark.count);
        continue;
      }
      std::vector<CompressedCluster> batch;
      for (std::uint64_t i = mark.first; i < mark.first + mark.count; ++i) {
        if (!compressed[i]) batch.push_back({GuestCluster(i), size_of(i)});
        compressed[i] = true;
      }
      builder.mark_compressed(batch);
    }
    return builder.finish();
  }
};

// Few and large, so that chunks of 32768 come out full, empty and mixed. Some begin at a chunk.
Marks arbitrary_marks() {
  Marks marks;
  marks.geometry.cluster_bits = *rc::gen::element(9U, 12U, 16U, 19U);
  marks.clusters = *rc::gen::inRange<ClusterCount>(1, 300'000);
  const auto ranges = *rc::gen::inRange(0, 12);
  for (int i = 0; i < ranges; ++i) {
    const auto kind = *rc::gen::element(ClusterKind::kData, ClusterKind::kData, ClusterKind::kZero,
                                        ClusterKind::kZero, ClusterKind::kCompressed);
    auto first = *rc::gen::inRange<std::uint64_t>(0, marks.clusters);
    if (*rc::gen::arbitrary<bool>()) first -= first % 32768;
    const auto most = *rc::gen::element<std::uint64_t>(1, 70, 40'000, 200'000);
    const auto left = std::min(most, marks.clusters - first);
    marks.ranges.push_back({kind, first, *rc::gen::inRange<std::uint64_t>(1, left + 1)});
  }
  return marks;
}

// What the map says about one kind, cluster by cluster.
void check_kind(const ClusterMap& map, const KindOfEach& kinds, ClusterKind kind) {
  std::uint64_t rank = 0;
  std::uint64_t next = map.next(kind, GuestCluster(0)).value();
  for (std::uint64_t i = 0; i < kinds.size(); ++i) {
    const GuestCluster cluster(i);
    if (kinds[i] == kind) {
      RC_ASSERT(next == i);
      if (i % 61 == 0 || rank < 100) {
        RC_ASSERT(map.before(kind, cluster) == rank);
        RC_ASSERT(map.nth(kind, rank) == cluster);
      }
      ++rank;
      next = map.next(kind, cluster + 1).value();
    } else if (i % 61 == 0) {
      RC_ASSERT(map.next_other(kind, cluster) == cluster);
      RC_ASSERT(map.before(kind, cluster) == rank);
    }
  }
  RC_ASSERT(next == kinds.size());
  RC_ASSERT(map.count(kind) == rank);
  RC_ASSERT(map.before(kind, map.end()) == rank);
}

RC_GTEST_PROP(ClusterMapProperty, AgreesWithAVectorOfKinds, ()) {
  const Marks marks = arbitrary_marks();
  const KindOfEach kinds = marks.naive();
  const auto map = marks.map();
  for (const ClusterKind kind : kClusterKinds) check_kind(*map, kinds, kind);

  std::vector<std::uint32_t> sizes;
  std::uint64_t next = map->next_mapped(GuestCluster(0)).value();
  for (std::uint64_t i = 0; i < kinds.size(); ++i) {
    if (i % 37 == 0) RC_ASSERT(map->kind_of(GuestCluster(i)) == kinds[i]);
    if (!kinds[i]) continue;
    RC_ASSERT(next == i);
    next = map->next_mapped(GuestCluster(i + 1)).value();
    if (kinds[i] == ClusterKind::kCompressed) sizes.push_back(size_of(i));
  }
  RC_ASSERT(next == kinds.size());
  RC_ASSERT(map->mapped() == map->count(ClusterKind::kData) + map->count(ClusterKind::kZero) +
                                 map->count(ClusterKind::kCompressed));
  RC_ASSERT(std::ranges::equal(map->compressed_sizes(), sizes));
}

RC_GTEST_PROP(ClusterMapProperty, TablesAreThoseWithAClusterOfAnyKind, ()) {
  const Marks marks = arbitrary_marks();
  const KindOfEach kinds = marks.naive();
  const auto map = marks.map();
  const std::uint64_t per_table = marks.geometry.l2_entries();
  std::uint64_t tables = 0;
  for (std::uint64_t i = 0; i < marks.clusters; i += per_table) {
    const std::uint64_t end = std::min(i + per_table, marks.clusters);
    const std::uint64_t table = i / per_table;
    const bool used = std::any_of(kinds.begin() + static_cast<std::ptrdiff_t>(i),
                                  kinds.begin() + static_cast<std::ptrdiff_t>(end),
                                  [](const auto& kind) { return kind.has_value(); });
    RC_ASSERT(map->l2_tables_before(table) == tables);
    RC_ASSERT((map->next_l2_table(table) == table) == used);
    if (!used) continue;
    if (tables < 50 || tables % 97 == 0) RC_ASSERT(map->nth_l2_table(tables) == table);
    ++tables;
  }
  RC_ASSERT(map->l2_tables() == tables);
}

RC_GTEST_PROP(ClusterMapProperty, RunsCoverAKindAndNothingElse, ()) {
  const Marks marks = arbitrary_marks();
  const KindOfEach kinds = marks.naive();
  const auto map = marks.map();
  KindOfEach seen(marks.clusters);
  for (const ClusterKind kind : kClusterKinds) {
    for (GuestCluster at = map->next(kind, GuestCluster(0)); at < map->end();) {
      const GuestCluster gap = map->next_other(kind, at);
      RC_ASSERT(gap > at);
      for (; at < gap; at += 1) {
        RC_ASSERT(!seen[at.value()].has_value());
        seen[at.value()] = kind;
      }
      at = map->next(kind, gap);
    }
  }
  RC_ASSERT(seen == kinds);
}

// Runs of whole chunks that lie within one that was marked before.
TEST(ClusterMap, ALongRunOutlastsShorterOnesWithinIt) {
  constexpr std::uint64_t kChunk = 32768;
  for (const ClusterKind kind : {ClusterKind::kData, ClusterKind::kZero}) {
    for (const bool longest_first : {true, false}) {
      ClusterMapBuilder builder({}, 12 * kChunk);
      if (longest_first) builder.mark(kind, GuestCluster(0), 10 * kChunk);
      builder.mark(kind, GuestCluster(2 * kChunk), kChunk);
      builder.mark(kind, GuestCluster(5 * kChunk), kChunk);
      builder.mark(kind, GuestCluster(9 * kChunk), 2 * kChunk);
      // What lies between the runs makes them be looked at piece by piece.
      builder.mark(ClusterKind::kData, GuestCluster(7 * kChunk + 5), 1);
      if (!longest_first) builder.mark(kind, GuestCluster(0), 10 * kChunk);
      const auto map = builder.finish();
      EXPECT_EQ(map->mapped(), 11 * kChunk);
      EXPECT_EQ(map->count(ClusterKind::kZero), kind == ClusterKind::kZero ? 11 * kChunk - 1 : 0);
    }
  }
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

// Every fourth cluster is each thread's own; one kind a thread, and all mark the zeros.
TEST(ClusterMap, ThreadsThatMarkTheSameWordsLoseNothing) {
  constexpr ClusterCount kClusters = 100'000;
  ClusterMapBuilder builder({}, kClusters);
  {
    std::vector<std::jthread> threads;
    for (unsigned t = 0; t < 4; ++t) {
      threads.emplace_back([&builder, t] {
        for (std::uint64_t i = t; i < kClusters; i += 4) {
          const GuestCluster cluster(i);
          builder.mark(ClusterKind::kZero, cluster, std::min<std::uint64_t>(3, kClusters - i));
          if (t < 2) builder.mark(ClusterKind::kData, cluster, 1);
          if (t > 0) builder.mark_compressed(std::vector{CompressedCluster{cluster, size_of(i)}});
        }
      });
    }
  }
  const auto map = builder.finish();
  EXPECT_EQ(map->count(ClusterKind::kData), kClusters / 2);
  EXPECT_EQ(map->count(ClusterKind::kCompressed), kClusters / 2);
  EXPECT_EQ(map->count(ClusterKind::kZero), 0U);
  std::uint64_t i = 2;
  for (const std::uint32_t size : map->compressed_sizes()) {
    ASSERT_EQ(size, size_of(i));
    i += i % 4 == 2 ? 1U : 3U;
  }
}

}  // namespace
}  // namespace qcow2stream
