// SPDX-License-Identifier: GPL-2.0-or-later

#include "image/planned_left_out.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "base/bits.h"
#include "layout/cluster_map.h"
#include "leave_out/encoded_left_out.h"
#include "qcow2/limits.h"

namespace qcow2stream {
namespace {

// Increments tell the subclusters apart (survey()).
bool is_unit_of(std::uint64_t unit, const ImageOptions& options) {
  const bool has_subclusters = options.extended_l2 && !options.compression;
  return unit == options.cluster_size ||
         (has_subclusters && unit == options.cluster_size / qcow2::kSubclusters);
}

// Whether the cluster, which is divided, has space for a part of itself that lies in the range.
bool has_space_in(const ClusterMap& map, GuestCluster cluster, GuestRange range) {
  const GuestOffset begin = map.geometry().offset(cluster);
  const std::uint64_t size = map.geometry().cluster_size() / qcow2::kSubclusters;
  for (std::uint64_t i = 0; i < qcow2::kSubclusters; ++i) {
    const bool is_allocated = (map.subclusters(cluster) >> i & 1) != 0;
    const GuestOffset at = begin + i * size;
    if (is_allocated && at >= range.begin && at < range.end()) return true;
  }
  return false;
}

// Whether the image has space for something in the range, which is one of whole units.
bool has_space_in(const ClusterMap& map, GuestRange range) {
  const qcow2::Geometry& geometry = map.geometry();
  const GuestCluster end = std::min(map.end(), geometry.cluster(range.end() - 1) + 1);
  GuestCluster at = map.next_mapped(geometry.cluster(range.begin));
  while (at < end) {
    if (map.kind_of(at) == ClusterKind::kZero) {
      at = map.next_mapped(map.next_other(ClusterKind::kZero, at));
    } else if (map.next_divided(at) == at && !has_space_in(map, at, range)) {
      at = map.next_mapped(at + 1);
    } else {
      return true;
    }
  }
  return false;
}

bool has_space_for_left_out(const ClusterMap& map, const ClusterMap& units) {
  const qcow2::Geometry& geometry = units.geometry();
  GuestCluster at = units.next_mapped(GuestCluster(0));
  while (at < units.end()) {
    const GuestCluster end = units.next_other(ClusterKind::kData, at);
    const GuestOffset begin = geometry.offset(at);
    if (has_space_in(map, {begin, geometry.offset(end) - begin})) return true;
    at = units.next_mapped(end);
  }
  return false;
}

}  // namespace

bool take_left_out(std::span<const std::byte> bytes, SavedPlan& plan) {
  auto decoded = decode_left_out(bytes, plan.disk_size);
  if (!decoded || !is_unit_of(decoded->units->geometry().cluster_size(), plan.options) ||
      has_space_for_left_out(*plan.survey.map, *decoded->units)) {
    return false;
  }
  plan.survey.left_out = std::move(decoded->left_out);
  plan.survey.left_out_clusters = std::move(decoded->units);
  return true;
}

}  // namespace qcow2stream
