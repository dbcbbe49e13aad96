// SPDX-License-Identifier: GPL-2.0-or-later
//
// Extents that are put together from others, and disks that are a part of another.

#include "survey/extents.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <utility>
#include <vector>

#include "layout/cluster_map_builder.h"
#include "qcow2stream/error.h"
#include "testing.h"

namespace qcow2stream {
namespace {

class ListCursor final : public RunCursor {
 public:
  explicit ListCursor(std::vector<Run> extents) : extents_(std::move(extents)) {}
  std::optional<Run> next() override {
    return at_ < extents_.size() ? std::optional(extents_[at_++]) : std::nullopt;
  }

 private:
  std::vector<Run> extents_;
  std::size_t at_ = 0;
};

std::vector<Run> arbitrary_extents() {
  std::vector<Run> extents;
  GuestOffset at(0);
  const auto count = *rc::gen::inRange(0, 15);
  for (int i = 0; i < count; ++i) {
    const auto length = *rc::gen::inRange<std::uint64_t>(1, 300);
    extents.push_back({.range = {at, length}, .holds = data_or_zeros(*rc::gen::arbitrary<bool>())});
    at = at + length;
  }
  return extents;
}

std::vector<bool> naive(const std::vector<Run>& extents, std::size_t size) {
  std::vector<bool> bytes;
  for (const Run& extent : extents) {
    bytes.insert(bytes.end(), extent.range.length, extent.is_data());
  }
  bytes.resize(size);
  return bytes;
}

// Also that they cover everything without gaps and overlaps, and that none is empty.
std::vector<bool> bytes_of(RunCursor& cursor) {
  std::vector<bool> bytes;
  while (const auto extent = cursor.next()) {
    RC_ASSERT(extent->range.begin == GuestOffset(bytes.size()));
    RC_ASSERT(extent->range.length > 0U);
    bytes.insert(bytes.end(), extent->range.length, extent->is_data());
  }
  return bytes;
}

RC_GTEST_PROP(ExtentsProperty, TheUnionHasDataWhereOneOfThemHasTheIntersectionWhereBothHave, ()) {
  const auto a = arbitrary_extents();
  const auto b = arbitrary_extents();
  const auto size = *rc::gen::inRange<std::size_t>(0, 5000);
  const std::vector<bool> one = naive(a, size);
  const std::vector<bool> other = naive(b, size);
  std::vector<bool> either(size);
  std::vector<bool> both(size);
  for (std::size_t i = 0; i < size; ++i) {
    either[i] = one[i] || other[i];
    both[i] = one[i] && other[i];
  }
  const auto cursor_of = [](const std::vector<Run>& runs) {
    return std::make_unique<ListCursor>(runs);
  };
  RC_ASSERT(bytes_of(*union_of(cursor_of(a), cursor_of(b), size)) == either);
  RC_ASSERT(bytes_of(*intersection_of(cursor_of(a), cursor_of(b), size)) == both);
}

RC_GTEST_PROP(ExtentsProperty, ThoseOfAMapAreItsClusters, ()) {
  const auto size = *rc::gen::inRange<std::uint64_t>(1, 50'000);
  const qcow2::Geometry geometry{.cluster_bits = 9};
  const ClusterCount clusters = geometry.clusters_for(size);
  ClusterMapBuilder builder(geometry, clusters);
  std::vector<std::optional<ClusterKind>> kinds(clusters);
  for (std::size_t i = 0; i < clusters; ++i) {
    const auto lot = *rc::gen::inRange(0, 4);
    if (lot == 1) kinds[i] = ClusterKind::kZero;
    if (lot > 1) kinds[i] = ClusterKind::kData;
    if (kinds[i]) builder.mark(*kinds[i], GuestCluster(i), 1);
  }
  const auto map = builder.finish();
  for (const Listed listed : {Listed::kData, Listed::kAll}) {
    const auto bytes = bytes_of(*extents_of(map, listed, size));
    RC_ASSERT(bytes.size() == size);
    for (std::size_t i = 0; i < size; ++i) {
      const auto kind = kinds[i / 512];
      RC_ASSERT(bytes[i] == (kind && (listed == Listed::kAll || kind == ClusterKind::kData)));
    }
  }
}

TEST(FirstBytes, ADiskOfTheFirstBytes) {
  std::vector<std::byte> bytes(3000);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i % 251);
  const auto whole = std::make_shared<testing::MemoryDisk>(bytes);
  const auto part = first_bytes(whole, 1000);
  EXPECT_EQ(part->size(), 1000U);
  EXPECT_EQ(part->name(), whole->name());
  std::vector<std::byte> read(10);
  part->read(GuestOffset(990), read);
  EXPECT_TRUE(std::equal(read.begin(), read.end(), bytes.begin() + 990));
  const auto extents = part->runs({GuestOffset(0), part->size()});
  EXPECT_EQ(extents->next()->range.length, 1000U);
  EXPECT_FALSE(extents->next());
  EXPECT_EQ(first_bytes(whole, 3000), whole);
  EXPECT_EQ(first_bytes(whole, 0)->size(), 0U);
  EXPECT_THROW(first_bytes(whole, 3001), Error);
}

}  // namespace
}  // namespace qcow2stream
