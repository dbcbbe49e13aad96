// SPDX-License-Identifier: GPL-2.0-or-later

#include "survey/left_out_clusters.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <optional>
#include <utility>

#include "base/bits.h"
#include "layout/cluster_map_builder.h"
#include "qcow2/limits.h"

namespace qcow2stream {
namespace {

// Where what is left out begins at or after `from`, and where it ends.
GuestRange next_left_out(const ClusterMap& map, GuestOffset from, GuestOffset end) {
  const qcow2::Geometry& geometry = map.geometry();
  const GuestOffset map_end = geometry.offset(map.end());
  if (from >= std::min(map_end, end)) return {end, 0};
  const GuestCluster first = map.next(ClusterKind::kData, geometry.cluster(from));
  if (first == map.end()) return {end, 0};
  const GuestOffset begin = std::max(from, geometry.offset(first));
  if (begin >= end) return {end, 0};
  const GuestCluster behind = map.next_other(ClusterKind::kData, first);
  return {begin, std::min(end, geometry.offset(behind)) - begin};
}

class RunsWithout final : public RunCursor {
 public:
  RunsWithout(std::unique_ptr<RunCursor> runs, std::shared_ptr<const ClusterMap> left_out)
      : runs_(std::move(runs)), left_out_(std::move(left_out)) {}

  std::optional<Run> next() override {
    if (rest_.range.length == 0) {
      const auto run = runs_->next();
      if (!run || !run->is_data()) return run;
      rest_ = *run;
    }
    const GuestOffset begin = rest_.range.begin;
    const GuestRange hole = next_left_out(*left_out_, begin, rest_.range.end());
    const bool is_hole = hole.length > 0 && hole.begin == begin;
    const std::uint64_t length = is_hole ? hole.length : hole.begin - begin;
    return Run{.range = rest_.range.take_front(length), .holds = data_or_zeros(!is_hole)};
  }

 private:
  std::unique_ptr<RunCursor> runs_;
  std::shared_ptr<const ClusterMap> left_out_;
  Run rest_;  // of data
};

}  // namespace

qcow2::Geometry unit_geometry(const LeftOut& left_out) {
  return {.cluster_bits = static_cast<unsigned>(std::countr_zero(left_out.unit()))};
}

std::shared_ptr<const ClusterMap> left_out_clusters(const LeftOut& left_out,
                                                    const qcow2::Geometry& geometry) {
  const std::uint64_t size = left_out.disk_size();
  const std::uint64_t cluster_size = geometry.cluster_size();
  ClusterMapBuilder clusters(geometry, geometry.clusters_for(size));
  const auto mark = [&](GuestRange range) {
    const std::uint64_t first = div_up(range.begin.value(), cluster_size);
    const std::uint64_t end = range.end().value() == size ? geometry.clusters_for(size)
                                                          : range.end().value() / cluster_size;
    if (first < end) clusters.mark(ClusterKind::kData, GuestCluster(first), end - first);
  };
  const auto runs = left_out.runs();
  GuestRange last;
  while (const auto run = runs->next()) {
    if (run->is_data()) continue;
    if (last.length > 0 && last.end() == run->range.begin) {
      last.length += run->range.length;
      continue;
    }
    mark(last);
    last = run->range;
  }
  mark(last);
  return clusters.finish();
}

std::shared_ptr<const ClusterMap> left_out_of_base(const Manifest& manifest) {
  const std::uint64_t length = manifest.header().length;
  const auto for_each = [&](const auto& act) {
    Manifest::LeftOutCursor cursor(manifest);
    while (const auto range = cursor.next()) act(*range);
  };
  // The last one may end where the content does.
  std::uint64_t bits = std::uint64_t{1} << qcow2::kMaxClusterBits;
  bool is_any = false;
  for_each([&](GuestRange range) {
    is_any = true;
    bits |= range.begin.value();
    if (range.end().value() != length) bits |= range.end().value();
  });
  if (!is_any) return nullptr;
  const qcow2::Geometry geometry{.cluster_bits = static_cast<unsigned>(std::countr_zero(bits))};
  ClusterMapBuilder units(geometry, geometry.clusters_for(length));
  for_each([&](GuestRange range) {
    const GuestCluster first = geometry.cluster(range.begin);
    units.mark(ClusterKind::kData, first, geometry.cluster(range.end() - 1) - first + 1);
  });
  return units.finish();
}

bool is_left_out(const ClusterMap* left_out, GuestRange range) {
  assert(range.length > 0);
  if (left_out == nullptr) return false;
  return next_left_out(*left_out, range.begin, range.end()) == range;
}

GuestOffset end_of_left_out(const ClusterMap* left_out, GuestOffset at) {
  if (left_out == nullptr) return at;
  const qcow2::Geometry& geometry = left_out->geometry();
  if (at >= geometry.offset(left_out->end())) return at;
  const GuestCluster cluster = geometry.cluster(at);
  if (left_out->kind_of(cluster) != ClusterKind::kData) return at;
  return geometry.offset(left_out->next_other(ClusterKind::kData, cluster));
}

void blank(const ClusterMap* left_out, GuestOffset begin, std::span<std::byte> bytes) {
  if (left_out == nullptr) return;
  const GuestOffset end = begin + bytes.size();
  for (GuestOffset at = begin; at < end;) {
    const GuestRange hole = next_left_out(*left_out, at, end);
    std::ranges::fill(bytes.subspan(hole.begin - begin, hole.length), std::byte{0});
    at = hole.end();
  }
}

std::unique_ptr<RunCursor> without_left_out(std::unique_ptr<RunCursor> runs,
                                            std::shared_ptr<const ClusterMap> left_out) {
  if (left_out == nullptr) return runs;
  return std::make_unique<RunsWithout>(std::move(runs), std::move(left_out));
}

}  // namespace qcow2stream
