// SPDX-License-Identifier: GPL-2.0-or-later

#include "image/content.h"

#include <algorithm>
#include <utility>

#include "manifest/root_trailer.h"
#include "qcow2stream/disk_bitmaps.h"
#include "qcow2stream/error.h"

namespace qcow2stream {
namespace {

// How much one thread compresses while others wait for it, which takes a millisecond or two and a
// few reads of the disk.
constexpr std::uint64_t kCompressedSegment = 128 << 10;

struct SubclusterRun {
  GuestOffset end;
  bool allocated = true;
};

// How far from a place in a data cluster on everything is allocated, or nothing is.
SubclusterRun alike_from(const ClusterMap& map, GuestCluster cluster, std::uint64_t in_cluster) {
  const qcow2::Geometry& geometry = map.geometry();
  const GuestCluster divided = map.next_divided(cluster);
  if (divided != cluster) {
    const GuestCluster end = std::min(map.next_other(ClusterKind::kData, cluster), divided);
    return {.end = geometry.offset(end)};
  }
  const std::uint64_t subcluster_size = geometry.cluster_size() >> qcow2::kSubclusterBits;
  const auto bits = static_cast<std::uint32_t>(map.subclusters(cluster));
  const auto allocated = [bits](std::uint64_t i) { return (bits >> i & 1) != 0; };
  std::uint64_t at = in_cluster / subcluster_size;
  const bool first = allocated(at);
  while (at < qcow2::kSubclusters && allocated(at) == first) ++at;
  return {.end = geometry.offset(cluster) + at * subcluster_size, .allocated = first};
}

// Refuses a survey of another disk or for other options: the image would only look right.
std::shared_ptr<const ClusterMap> fitting(std::shared_ptr<const ClusterMap> map, const Disk& disk,
                                          const ImageOptions& options) {
  const qcow2::Geometry geometry = geometry_of(options);
  if (map == nullptr || map->geometry().cluster_bits != geometry.cluster_bits ||
      map->guest_clusters() != geometry.clusters_for(virtual_size_of(disk.size()))) {
    throw Error(ErrorKind::kUsage, disk.name(), "", "the survey is not of this disk and options");
  }
  const bool keeps = options.compression && options.compression->keep;
  if (keeps && map->count(ClusterKind::kCompressed) > 0 && disk.stored_clusters() == nullptr) {
    throw Error(ErrorKind::kUsage, disk.name(), "",
                "holds no compressed clusters as the survey did");
  }
  return map;
}

std::shared_ptr<const CarriedBitmaps> fitting(std::shared_ptr<const CarriedBitmaps> bitmaps,
                                              const Disk& disk, const ImageOptions& options) {
  if (!options.bitmaps) return nullptr;
  if (bitmaps == nullptr || disk.bitmaps() == nullptr ||
      bitmaps->list.size() != disk.bitmaps()->list().size()) {
    throw Error(ErrorKind::kUsage, disk.name(), "", "has not the dirty bitmaps of the survey");
  }
  return bitmaps;
}

}  // namespace

Image::Content::Content(std::shared_ptr<const Disk> source, ImageOptions image_options,
                        SurveyResult survey)
    : disk(std::move(source)),
      options(std::move(image_options)),
      layout(disk->name(), disk->size(), options, fitting(std::move(survey.map), *disk, options),
             fitting(std::move(survey.bitmaps), *disk, options)),
      metadata(layout),
      bitmaps(layout, *disk),
      compressed(*disk, options, layout, std::move(survey.compressed),
                 {.digests = survey.content, .left_out = survey.left_out_clusters}),
      surveyed(survey.surveyed),
      left_out(std::move(survey.left_out)),
      left_out_clusters(std::move(survey.left_out_clusters)),
      digests(std::move(survey.content)) {}

std::optional<ContentDigest> Image::Content::root() const {
  const std::lock_guard lock(root_mutex_);
  if (!root_ && digests != nullptr) root_ = digests->root();
  return root_;
}

void Image::Content::learn_root(const ContentDigest& root) const {
  const std::lock_guard lock(root_mutex_);
  root_ = root;
}

void Image::Content::read_trailer(HostOffset offset, std::span<std::byte> out) const {
  const auto known = root();
  if (!known) {
    throw Error(ErrorKind::kUsage, disk->name(), "",
                "the root of its content stands in the image and is not known yet");
  }
  const auto trailer = encode_root_trailer(
      {.length = layout.virtual_size(), .root = *known, .parent = layout.root_record()->parent});
  std::ranges::copy(std::span(trailer).subspan(offset - *layout.root_trailer(), out.size()),
                    out.begin());
}

Segment Image::Content::segment_at(HostOffset offset) const {
  const Region& region = layout.region_at(offset);
  if (region.kind == RegionKind::kDataClusters) return data_segment_at(offset, region);
  if (region.kind == RegionKind::kCompressedClusters) return compressed_segment_at(offset, region);
  const bool zeros = region.kind == RegionKind::kZeroClusters;
  return {.kind = zeros ? Segment::Kind::kZeros : Segment::Kind::kGenerated,
          .range = {offset, region.range.end() - offset},
          .disk_offset = {}};
}

void Image::Content::generate(HostOffset offset, std::span<std::byte> out) const {
  const Region& region = layout.region_at(offset);
  if (region.kind == RegionKind::kBitmaps)
    return bitmaps.generate(offset - region.range.begin, out);
  metadata.generate(offset, out);
}

// Data clusters lie in guest order, so a run of allocated guest clusters is one run of the disk.
// The disk may end within its last cluster; zeros fill it up, and the place of subclusters that are
// not allocated.
Segment Image::Content::data_segment_at(HostOffset offset, const Region& region) const {
  const qcow2::Geometry& geometry = layout.geometry();
  const ClusterMap& map = layout.map();
  const ClusterCount rank = (offset - region.range.begin) >> geometry.cluster_bits;
  const GuestCluster cluster = map.nth(ClusterKind::kData, rank);
  const std::uint64_t in_cluster = (offset - region.range.begin) % geometry.cluster_size();
  const GuestOffset begin = geometry.offset(cluster) + in_cluster;
  const SubclusterRun run = alike_from(map, cluster, in_cluster);
  const GuestOffset run_end = run.end;
  const GuestOffset disk_end(disk->size());
  if (begin >= disk_end || !run.allocated) {
    return {.kind = Segment::Kind::kZeros, .range = {offset, run_end - begin}, .disk_offset = {}};
  }
  return {.kind = Segment::Kind::kDisk,
          .range = {offset, std::min(run_end, disk_end) - begin},
          .disk_offset = begin};
}

// Ends where a compressed cluster does, so that none is compressed for two segments.
Segment Image::Content::compressed_segment_at(HostOffset offset, const Region& region) const {
  const std::uint64_t at = offset - region.range.begin;
  auto cursor = layout.compressed().at_offset(at);
  std::uint64_t end = at;
  for (; !cursor.at_end() && end - at < kCompressedSegment; cursor.next()) end = cursor.end();
  if (cursor.at_end()) end = region.range.length;
  return {.kind = Segment::Kind::kCompressed, .range = {offset, end - at}, .disk_offset = {}};
}

}  // namespace qcow2stream
