// SPDX-License-Identifier: GPL-2.0-or-later

#include "layout/cluster_map_encoding.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <map>

#include "layout/cluster_map_builder.h"
#include "layout/layout.h"

namespace qcow2stream {
namespace {

struct Cluster {
  ClusterKind kind = ClusterKind::kData;
  std::uint32_t size = 0;         // compressed
  std::uint64_t subclusters = 0;  // divided
  friend bool operator==(const Cluster&, const Cluster&) = default;
};
using Clusters = std::map<std::uint64_t, Cluster>;

Clusters clusters_of(const ClusterMap& map) {
  Clusters clusters;
  std::size_t rank = 0;
  for (GuestCluster at = map.next_mapped(GuestCluster(0)); at < map.end();
       at = map.next_mapped(at + 1)) {
    Cluster cluster{.kind = *map.kind_of(at)};
    if (cluster.kind == ClusterKind::kCompressed) cluster.size = map.compressed_sizes()[rank++];
    if (map.next_divided(at) == at) cluster.subclusters = map.subclusters(at);
    clusters.emplace(at.value(), cluster);
  }
  return clusters;
}

qcow2::Geometry geometry(bool extended_l2) {
  return geometry_of({.cluster_size = 65536, .extended_l2 = extended_l2});
}

RC_GTEST_PROP(MapEncodingProperty, WhatComesOutIsWhatWentIn, ()) {
  const bool extended_l2 = *rc::gen::arbitrary<bool>();
  const ClusterCount count = *rc::gen::element<ClusterCount>(1, 100, 32768, 100'000);
  ClusterMapBuilder builder(geometry(extended_l2), count);
  std::uint64_t at = 0;
  while (at < count) {
    at += *rc::gen::element<std::uint64_t>(0, 0, 1, 7, 30'000);
    const auto length = std::min<std::uint64_t>(*rc::gen::element<std::uint64_t>(1, 2, 50, 33'000),
                                                count - std::min(at, count));
    if (length == 0) break;
    const auto what = *rc::gen::inRange(0, 4);
    if (what == 1) {
      for (std::uint64_t i = 0; i < std::min<std::uint64_t>(length, 300); ++i) {
        const CompressedCluster cluster{GuestCluster(at + i),
                                        static_cast<std::uint32_t>(*rc::gen::inRange(1, 65536))};
        builder.mark_compressed(std::span(&cluster, 1));
      }
    } else if (what == 3) {
      if (extended_l2) builder.mark_divided(GuestCluster(at), 1ULL << *rc::gen::inRange(0, 64));
    } else {
      builder.mark(what == 0 ? ClusterKind::kData : ClusterKind::kZero, GuestCluster(at), length);
    }
    at += length;
  }
  const auto map = builder.finish();
  const auto bytes = encode_cluster_map(*map);
  const auto decoded = decode_cluster_map(bytes, geometry(extended_l2), count);
  RC_ASSERT(decoded != nullptr);
  RC_ASSERT(clusters_of(*decoded) == clusters_of(*map));
  RC_ASSERT(encode_cluster_map(*decoded) == bytes);
  // It fits no smaller disk, and a part of it is no map or a smaller one.
  if (!bytes.empty()) {
    const auto cut = *rc::gen::inRange<std::size_t>(0, bytes.size());
    const auto part = decode_cluster_map(std::span(bytes).first(cut), geometry(extended_l2), count);
    if (part != nullptr) RC_ASSERT(part->mapped() <= map->mapped());
    const std::uint64_t last = clusters_of(*map).rbegin()->first;
    RC_ASSERT(decode_cluster_map(bytes, geometry(extended_l2), last) == nullptr);
  }
}

// Whatever the bytes are: a map that can be written down again, or none.
RC_GTEST_PROP(MapEncodingProperty, AnyBytesAreAMapOrNone, ()) {
  const auto numbers = *rc::gen::arbitrary<std::vector<std::uint8_t>>();
  const auto bytes = std::as_bytes(std::span(numbers));
  const bool extended_l2 = *rc::gen::arbitrary<bool>();
  const auto map = decode_cluster_map(bytes, geometry(extended_l2), 1000);
  if (map == nullptr) return;
  const auto again = decode_cluster_map(encode_cluster_map(*map), geometry(extended_l2), 1000);
  RC_ASSERT(again != nullptr);
  RC_ASSERT(clusters_of(*again) == clusters_of(*map));
}

TEST(ClusterMapEncoding, AFullDiskTakesAFewBytes) {
  ClusterMapBuilder builder(geometry(false), 1ULL << 40);
  builder.mark(ClusterKind::kData, GuestCluster(0), 1ULL << 40);
  EXPECT_LT(encode_cluster_map(*builder.finish()).size(), 16U);
}

}  // namespace
}  // namespace qcow2stream
