// SPDX-License-Identifier: GPL-2.0-or-later

#include "layout/layout.h"

#include "layout/cluster_map_builder.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "qcow2stream/error.h"

namespace qcow2stream {
namespace {

qcow2::Geometry arbitrary_geometry() {
  return {.cluster_bits = *rc::gen::inRange(qcow2::kMinClusterBits, qcow2::kMaxClusterBits + 1),
          .refcount_order = *rc::gen::inRange(0U, qcow2::kMaxRefcountOrder + 1)};
}

RC_GTEST_PROP(TotalsProperty, RefcountsCountTheirOwnClustersAndNoClusterMore, ()) {
  const qcow2::Geometry geometry = arbitrary_geometry();
  const auto data = *rc::gen::inRange<ClusterCount>(0, 1ULL << 34);
  const auto tables = *rc::gen::inRange<std::uint64_t>(0, 1ULL << 22);
  const ClusterTotals totals =
      total_clusters(geometry, data << geometry.cluster_bits, {.l2_tables = tables, .data = data});
  const std::uint64_t per_block = geometry.refcounts_per_block();
  RC_ASSERT(totals.refcount_blocks * per_block >= totals.all());
  RC_ASSERT((totals.refcount_blocks - 1) * per_block < totals.all());
  RC_ASSERT(totals.refcount_table * geometry.cluster_size() >= totals.refcount_blocks * 8);
  RC_ASSERT((totals.refcount_table - 1) * geometry.cluster_size() < totals.refcount_blocks * 8);
  RC_ASSERT(totals.data == data && totals.l2_tables == tables);
}

TEST(Totals, FixedPointWhereTheRefcountBlocksTipOverTheirOwnBorder) {
  // A block of 512 bytes counts 64 clusters with 64-bit refcounts. Header, L1 table, one L2 table,
  // 59 of data, one block and the refcount table are exactly 64.
  const qcow2::Geometry geometry{.cluster_bits = 9, .refcount_order = 6};
  const auto blocks = [&](ClusterCount data) {
    return total_clusters(geometry, 512, {.l2_tables = 1, .data = data}).refcount_blocks;
  };
  EXPECT_EQ(blocks(59), 1U);
  EXPECT_EQ(blocks(60), 2U);
  EXPECT_EQ(blocks(122), 2U);  // 128, the second block among them
  EXPECT_EQ(blocks(123), 3U);
}

std::shared_ptr<const ClusterMap> map_of(const ImageOptions& options, std::uint64_t disk_size) {
  ClusterMapBuilder builder(geometry_of(options),
                            geometry_of(options).clusters_for(virtual_size_of(disk_size)));
  builder.mark(ClusterKind::kData, GuestCluster(0), geometry_of(options).clusters_for(disk_size));
  return builder.finish();
}

TEST(Layout, RegionsFollowEachOtherWithoutGaps) {
  const ImageOptions options{.cluster_size = 4096, .refcount_bits = 64};
  const Layout layout("disk", 50 << 20, options, map_of(options, 50 << 20));
  HostOffset at(0);
  for (const Region& region : layout.regions()) {
    EXPECT_EQ(region.range.begin, at);
    EXPECT_EQ(&layout.region_at(at), &region);
    EXPECT_EQ(&layout.region_at(region.range.end() - 1), &region);
    at = region.range.end();
  }
  EXPECT_EQ(at, HostOffset(layout.image_size()));
  EXPECT_EQ(layout.fully_allocated_size(), layout.image_size());
}

TEST(Layout, EmptyDiskHasNoL1Table) {
  const ImageOptions options;
  const Layout layout("disk", 0, options, map_of(options, 0));
  EXPECT_EQ(layout.header().l1_offset, HostOffset(0));
  EXPECT_EQ(layout.header().l1_entries, 0U);
  EXPECT_EQ(layout.image_size(), 3 * 65536U);
}

// A refusal must say what would fit, and that must be true.
TEST(Limits, L1TableOfTheLargestDiskFitsAndOneClusterMoreDoesNot) {
  for (unsigned bits = qcow2::kMinClusterBits; bits < qcow2::kMaxClusterBits; ++bits) {
    const ImageOptions options{.cluster_size = 1U << bits};
    const std::uint64_t most = 1ULL << (19 + 2 * bits);
    EXPECT_NO_THROW(check_disk_size("disk", most, options));
    try {
      check_disk_size("disk", most + 1, options);
      ADD_FAILURE() << bits;
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what())
                    .find("use a cluster size of " + std::to_string(2 << bits) + " or more"),
                std::string::npos)
          << error.what();
    }
    EXPECT_NO_THROW(check_disk_size("disk", most + 1, {.cluster_size = 2U << bits}));
  }
}

TEST(Limits, TwoExbibytesIsTheLargestDisk) {
  const ImageOptions options{.cluster_size = 2 << 20};
  EXPECT_NO_THROW(check_disk_size("disk", 1ULL << 61, options));
  EXPECT_THROW(check_disk_size("disk", (1ULL << 61) + 1, options), Error);
  EXPECT_THROW(check_disk_size("disk", ~0ULL, options), Error);
}

TEST(Limits, RefcountTableIsRefusedWithAdvice) {
  const ImageOptions options{.cluster_size = 512, .refcount_bits = 64};
  const std::uint64_t size = 40ULL << 30;
  try {
    const Layout layout("disk", size, options, map_of(options, size));
    ADD_FAILURE();
  } catch (const Error& error) {
    const std::string what = error.what();
    EXPECT_NE(what.find("at most 8388608"), std::string::npos) << what;
    EXPECT_NE(what.find("use a cluster size of 1024 or more, or refcounts of 32 bits or fewer"),
              std::string::npos)
        << what;
  }
  for (const ImageOptions& good : {ImageOptions{.cluster_size = 1024, .refcount_bits = 64},
                                   ImageOptions{.cluster_size = 512, .refcount_bits = 32}}) {
    EXPECT_NO_THROW(Layout("disk", size, good, map_of(good, size)));
  }
}

TEST(Options, EveryBrokenRuleIsFound) {
  using Field = OptionProblem::Field;
  const auto field = [](const ImageOptions& options) {
    return find_problem(options).value().field;
  };
  EXPECT_FALSE(find_problem({}).has_value());
  EXPECT_EQ(field({.cluster_size = 0}), Field::kClusterSize);
  EXPECT_EQ(field({.cluster_size = 256}), Field::kClusterSize);
  EXPECT_EQ(field({.cluster_size = 65537}), Field::kClusterSize);
  EXPECT_EQ(field({.cluster_size = 4 << 20}), Field::kClusterSize);
  EXPECT_EQ(field({.refcount_bits = 0}), Field::kRefcountBits);
  EXPECT_EQ(field({.refcount_bits = 12}), Field::kRefcountBits);
  EXPECT_EQ(field({.refcount_bits = 128}), Field::kRefcountBits);
  EXPECT_EQ(field({.refcount_bits = 8, .version = 2}), Field::kRefcountBits);
  EXPECT_EQ(field({.version = 4}), Field::kVersion);
  const DataFile file{.name = "disk.raw"};
  EXPECT_FALSE(find_problem({.data_file = file}).has_value());
  EXPECT_EQ(field({.version = 2, .data_file = file}), Field::kDataFile);
  EXPECT_EQ(field({.cluster_size = 512, .data_file = file}), Field::kDataFile);
  EXPECT_EQ(field({.data_file = DataFile{}}), Field::kDataFile);
  EXPECT_EQ(field({.cluster_size = 1024, .data_file = DataFile{.name = std::string(900, 'x')}}),
            Field::kDataFile);
}

}  // namespace
}  // namespace qcow2stream
