// SPDX-License-Identifier: GPL-2.0-or-later
//
// What a header demands of its callers is an assertion, in all builds but those for releases.

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "layout/cluster_map_builder.h"
#include "lists/cluster_marker.h"
#include "qcow2/refcounts.h"
#include "qcow2stream/image.h"
#include "testing.h"

// A check of memory or of threads without the program's own checks would be half of one.
#if defined(NDEBUG) && (defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__))
#error "the builds with sanitizers must have assertions"
#endif

namespace qcow2stream {
namespace {

constexpr qcow2::Geometry kGeometry{.cluster_bits = 16};

class Contracts : public ::testing::Test {
 protected:
  void SetUp() override {
#ifdef NDEBUG
    GTEST_SKIP() << "this build has no assertions";
#endif
    // The process of a test may have threads by now.
    GTEST_FLAG_SET(death_test_style, "threadsafe");
  }
};

#ifndef NDEBUG
TEST_F(Contracts, AClusterMapIsAskedAboutItsOwnClusters) {
  ClusterMapBuilder builder(kGeometry, 100);
  builder.mark(ClusterKind::kData, GuestCluster(7), 3);
  const auto map = builder.finish();
  EXPECT_EQ(map->kind_of(GuestCluster(99)), std::nullopt);
  EXPECT_DEATH(static_cast<void>(map->kind_of(GuestCluster(100))), "cluster < end");
  EXPECT_EQ(map->nth(ClusterKind::kData, 2), GuestCluster(9));
  EXPECT_DEATH(static_cast<void>(map->nth(ClusterKind::kData, 3)), "rank < count");
}

TEST_F(Contracts, ABuilderIsGivenClustersOfTheDisk) {
  ClusterMapBuilder builder(kGeometry, 100);
  EXPECT_DEATH(builder.mark(ClusterKind::kData, GuestCluster(98), 3), "guest_clusters_");
  EXPECT_DEATH(builder.mark(ClusterKind::kCompressed, GuestCluster(0), 1), "kCompressed");
  const std::vector<CompressedCluster> too_large = {{GuestCluster(0), 65536}};
  EXPECT_DEATH(builder.mark_compressed(too_large), "cluster_size");
}

TEST_F(Contracts, ARunLiesWithinTheDisk) {
  ClusterMarker marker(kGeometry, GuestOffset(65536));
  EXPECT_DEATH(marker.add({GuestOffset(65535), 2}, Run::Holds::kData), "range.length");
}

TEST_F(Contracts, ARefcountFitsItsEntry) {
  std::vector<std::byte> block(512);
  qcow2::set_refcount(block, 1, 0, 3);
  EXPECT_DEATH(qcow2::set_refcount(block, 1, 1, 4), "value");
  EXPECT_DEATH(qcow2::set_refcount(block, 1, 0, 1), "refcount_at");
}

TEST_F(Contracts, ReadsOfAnImageLieWithinIt) {
  const auto disk = std::make_shared<testing::MemoryDisk>(std::vector<std::byte>(100'000));
  const Image image = testing::make_image(disk, {});
  std::vector<std::byte> buffer(2);
  EXPECT_DEATH(image.read(HostOffset(image.size() - 1), buffer), "size");
}

TEST_F(Contracts, AQueueIsNotAskedForWhatItHasNotGot) {
  const testing::MemoryDisk disk(std::vector<std::byte>(100'000));
  const auto queue = disk.queue();
  EXPECT_DEATH(queue->wait(), "empty");
  EXPECT_DEATH(queue->submit(GuestOffset(0), {}, 1), "empty");
}
#else
TEST_F(Contracts, AreCheckedInOtherBuilds) {}
#endif

}  // namespace
}  // namespace qcow2stream
