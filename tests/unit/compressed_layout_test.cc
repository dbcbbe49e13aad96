// SPDX-License-Identifier: GPL-2.0-or-later

#include "layout/compressed_layout.h"

#include "layout/cluster_map_builder.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace qcow2stream {
namespace {

struct Place {
  std::uint64_t offset;
  std::uint64_t end;
};

// Independent of the layout: every byte's host cluster is looked at, none is counted incrementally.
class Model {
 public:
  Model(const std::vector<std::uint32_t>& sizes, std::uint64_t cluster_size, std::uint64_t most)
      : cluster_size_(cluster_size) {
    std::uint64_t offset = 0;
    for (const std::uint32_t size : sizes) {
      while (references(offset / cluster_size) == most) offset = next_border(offset);
      places_.push_back({offset, offset + size});
      for (std::uint64_t host = offset / cluster_size; host * cluster_size < offset + size;
           ++host) {
        if (references_.size() <= host) references_.resize(host + 1);
        ++references_[host];
      }
      offset += size;
    }
  }

  [[nodiscard]] const std::vector<Place>& places() const { return places_; }
  [[nodiscard]] std::uint64_t host_clusters() const { return references_.size(); }
  [[nodiscard]] std::uint64_t references(std::uint64_t host) const {
    return host < references_.size() ? references_[host] : 0;
  }

 private:
  [[nodiscard]] std::uint64_t next_border(std::uint64_t offset) const {
    return (offset / cluster_size_ + 1) * cluster_size_;
  }

  std::uint64_t cluster_size_;
  std::vector<Place> places_;
  std::vector<std::uint64_t> references_;
};

// Small and large data in stretches, as disks have them.
std::vector<std::uint32_t> arbitrary_sizes(std::uint32_t cluster_size) {
  std::vector<std::uint32_t> sizes;
  const auto stretches = *rc::gen::inRange(0, 6);
  for (int n = 0; n < stretches; ++n) {
    const auto most =
        *rc::gen::element<std::uint32_t>(1, 2, 20, cluster_size / 4, cluster_size - 1);
    const auto count = *rc::gen::inRange<std::size_t>(0, 400);
    const auto more = *rc::gen::container<std::vector<std::uint32_t>>(
        count, rc::gen::inRange<std::uint32_t>(1, most + 1));
    sizes.insert(sizes.end(), more.begin(), more.end());
  }
  return sizes;
}

// With other clusters between them, which take no part in it.
std::shared_ptr<const ClusterMap> map_of(const qcow2::Geometry& geometry,
                                         const std::vector<std::uint32_t>& sizes) {
  ClusterMapBuilder builder(geometry, 2 * sizes.size() + 1);
  std::vector<CompressedCluster> clusters;
  for (std::size_t n = 0; n < sizes.size(); ++n) {
    clusters.push_back({GuestCluster(2 * n), sizes[n]});
    builder.mark(ClusterKind::kData, GuestCluster(2 * n + 1), 1);
  }
  builder.mark_compressed(clusters);
  return builder.finish();
}

RC_GTEST_PROP(CompressedLayoutProperty, IsThatOfTheModel, ()) {
  const qcow2::Geometry geometry{.cluster_bits = *rc::gen::inRange(9U, 13U),
                                 .refcount_order = *rc::gen::inRange(1U, 7U)};
  const std::uint64_t cluster_size = geometry.cluster_size();
  const auto sizes = arbitrary_sizes(static_cast<std::uint32_t>(cluster_size));
  const std::uint64_t most =
      geometry.refcount_bits() == 64 ? ~0ULL : (1ULL << geometry.refcount_bits()) - 1;
  const Model model(sizes, cluster_size, most);
  const auto& places = model.places();
  const auto map = map_of(geometry, sizes);
  const CompressedLayout layout(*map, geometry);
  RC_ASSERT(layout.size() == (sizes.empty() ? 0 : (places.back().end + 511) / 512 * 512));

  auto walk = layout.at_rank(0);
  for (std::size_t rank = 0; rank < sizes.size(); ++rank, walk.next()) {
    for (const auto& at : {walk, layout.at_rank(rank)}) {
      RC_ASSERT(!at.at_end());
      RC_ASSERT(at.rank() == rank && at.size() == sizes[rank]);
      RC_ASSERT(at.offset() == places[rank].offset && at.end() == places[rank].end);
    }
    // Its own bytes, and what is left free between the one before it and its first byte.
    const std::uint64_t free_begin = rank == 0 ? 0 : places[rank - 1].end;
    for (const std::uint64_t offset : {free_begin, places[rank].offset, places[rank].end - 1}) {
      RC_ASSERT(layout.at_offset(offset).rank() == rank);
      RC_ASSERT(layout.at_offset(offset).offset() == places[rank].offset);
    }
  }
  RC_ASSERT(walk.at_end());
  RC_ASSERT(layout.at_rank(sizes.size()).at_end());
  RC_ASSERT(layout.at_offset(layout.size()).at_end());

  // Any window, also one that ends behind the last cluster.
  const auto first = *rc::gen::inRange<std::uint64_t>(0, model.host_clusters() + 2);
  std::vector<std::uint64_t> window(*rc::gen::inRange<std::size_t>(0, model.host_clusters() + 3),
                                    99);
  layout.count_references(first, window);
  for (std::size_t n = 0; n < window.size(); ++n) {
    RC_ASSERT(window[n] == model.references(first + n));
    RC_ASSERT(window[n] <= most);
  }
}

TEST(CompressedLayout, ClusterOfThreeReferencesIsFull) {
  const qcow2::Geometry geometry{.cluster_bits = 9, .refcount_order = 1};
  // The fourth begins at the next host cluster. The sixth begins there and ends in the third, which
  // so takes two more; the ninth goes on to the fourth.
  const auto map = map_of(geometry, {10, 10, 10, 20, 20, 500, 1, 1, 1});
  const CompressedLayout layout(*map, geometry);
  std::vector<std::uint64_t> offsets;
  for (auto at = layout.at_rank(0); !at.at_end(); at.next()) offsets.push_back(at.offset());
  EXPECT_EQ(offsets, (std::vector<std::uint64_t>{0, 10, 20, 512, 532, 552, 1052, 1053, 1536}));
  std::vector<std::uint64_t> references(5);
  layout.count_references(0, references);
  EXPECT_EQ(references, (std::vector<std::uint64_t>{3, 3, 3, 1, 0}));
}

TEST(CompressedLayout, DataThatEndsAtABorderLeavesTheNextHostClusterEmpty) {
  const qcow2::Geometry geometry{.cluster_bits = 9, .refcount_order = 1};
  const auto map = map_of(geometry, {500, 12, 511, 1});
  const CompressedLayout layout(*map, geometry);
  EXPECT_EQ(layout.at_rank(2).offset(), 512U);
  EXPECT_EQ(layout.size(), 1024U);
  std::vector<std::uint64_t> references(3);
  layout.count_references(0, references);
  EXPECT_EQ(references, (std::vector<std::uint64_t>{2, 2, 0}));
}

}  // namespace
}  // namespace qcow2stream
