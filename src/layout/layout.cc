// SPDX-License-Identifier: GPL-2.0-or-later

#include "layout/layout.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "base/bits.h"

namespace qcow2stream {
namespace {

constexpr std::uint64_t kTableEntrySize = 8;  // bytes, in the refcount table and the L1 table

std::uint64_t l1_entries_for(const qcow2::Geometry& geometry, std::uint64_t virtual_size) {
  return div_up(geometry.clusters_for(virtual_size), geometry.l2_entries());
}

// The most that a refcount of 16 bits can say, which is the only width in version 2.
constexpr std::uint64_t kMostZeroReferences = 65535;

// In version 3 there are none: it has a flag for clusters that read as zeros.
ClusterCount shared_zero_clusters(const ClusterMap& map) {
  if (map.geometry().version >= 3) return 0;
  return div_up(map.count(ClusterKind::kZero), kMostZeroReferences);
}

}  // namespace

std::uint64_t virtual_size_of(std::uint64_t disk_size) {
  return align_up(disk_size, qcow2::kSectorSize);
}

ClusterTotals total_clusters(const qcow2::Geometry& geometry, std::uint64_t virtual_size,
                             const ClusterTotals& content) {
  ClusterTotals totals = content;
  totals.l1_table = geometry.clusters_for(l1_entries_for(geometry, virtual_size) * kTableEntrySize);
  // Starts from none, so that the first fixed point reached is the smallest.
  totals.refcount_blocks = 0;
  totals.refcount_table = 0;
  for (;;) {
    const std::uint64_t blocks = div_up(totals.all(), geometry.refcounts_per_block());
    const ClusterCount table = geometry.clusters_for(blocks * kTableEntrySize);
    if (blocks == totals.refcount_blocks && table == totals.refcount_table) return totals;
    totals.refcount_blocks = blocks;
    totals.refcount_table = table;
  }
}

std::string_view region_name(RegionKind kind) {
  switch (kind) {
    case RegionKind::kHeader:
      return "header";
    case RegionKind::kRefcountTable:
      return "refcount-table";
    case RegionKind::kRefcountBlocks:
      return "refcount-blocks";
    case RegionKind::kL1Table:
      return "l1-table";
    case RegionKind::kL2Tables:
      return "l2-tables";
    case RegionKind::kBitmaps:
      return "bitmaps";
    case RegionKind::kDataClusters:
      return "data-clusters";
    case RegionKind::kZeroClusters:
      return "zero-clusters";
    case RegionKind::kCompressedClusters:
      return "compressed-clusters";
    case RegionKind::kRootTrailer:
      return "root-trailer";
  }
  return "";
}

Layout::Layout(const std::string& disk_name, std::uint64_t disk_size, const ImageOptions& options,
               std::shared_ptr<const ClusterMap> map, std::shared_ptr<const CarriedBitmaps> bitmaps)
    : geometry_(geometry_of(options)),
      virtual_size_(virtual_size_of(disk_size)),
      data_file_(options.data_file),
      backing_file_(options.backing_file),
      compression_(options.compression),
      root_record_(options.root_record),
      map_(std::move(map)),
      compressed_(*map_, geometry_),
      bitmaps_(std::move(bitmaps), geometry_),
      totals_(total_clusters(geometry_, virtual_size_,
                             {.l2_tables = map_->l2_tables(),
                              .bitmaps = bitmaps_.clusters(),
                              .data = external_data() ? 0 : map_->count(ClusterKind::kData),
                              .zero = shared_zero_clusters(*map_),
                              .compressed = geometry_.clusters_for(compressed_.size())})) {
  assert(map_->geometry().cluster_bits == geometry_.cluster_bits);
  assert(map_->geometry().extended_l2 == geometry_.extended_l2);
  assert(map_->guest_clusters() == geometry_.clusters_for(virtual_size_));
  check_limits(disk_name, geometry_, virtual_size_, totals_);
  const std::uint64_t cluster_size = geometry_.cluster_size();
  add_region(RegionKind::kHeader, cluster_size);
  add_region(RegionKind::kRefcountTable, totals_.refcount_table * cluster_size);
  add_region(RegionKind::kRefcountBlocks, totals_.refcount_blocks * cluster_size);
  add_region(RegionKind::kL1Table, totals_.l1_table * cluster_size);
  add_region(RegionKind::kL2Tables, totals_.l2_tables * cluster_size);
  add_region(RegionKind::kBitmaps, totals_.bitmaps * cluster_size);
  add_region(RegionKind::kDataClusters, totals_.data * cluster_size);
  add_region(RegionKind::kZeroClusters, totals_.zero * cluster_size);
  // The last regions are the only ones that may end within a cluster.
  add_region(RegionKind::kCompressedClusters, compressed_.size());
  if (root_record_ && root_record_->trailer) add_region(RegionKind::kRootTrailer, kTrailerLength);
}

void Layout::add_region(RegionKind kind, std::uint64_t length) {
  if (length == 0) return;
  const HostOffset begin = regions_.empty() ? HostOffset(0) : regions_.back().range.end();
  regions_.push_back({kind, {begin, length}});
}

std::uint64_t Layout::image_size() const {
  return regions_.back().range.end().value();
}

std::uint64_t Layout::fully_allocated_size() const {
  const ClusterCount data = external_data() ? 0 : map_->guest_clusters();
  const ClusterTotals all =
      total_clusters(geometry_, virtual_size_,
                     {.l2_tables = l1_entries(), .bitmaps = bitmaps_.clusters(), .data = data});
  return all.all() * geometry_.cluster_size() + (root_trailer() ? kTrailerLength : 0);
}

std::optional<HostOffset> Layout::root_trailer() const {
  const Region& last = regions_.back();
  return last.kind == RegionKind::kRootTrailer ? std::optional(last.range.begin) : std::nullopt;
}

std::uint64_t Layout::l1_entries() const {
  return l1_entries_for(geometry_, virtual_size_);
}

const Region& Layout::region_at(HostOffset offset) const {
  assert(offset.value() < image_size());
  return *std::ranges::upper_bound(regions_, offset, {},
                                   [](const Region& region) { return region.range.end(); });
}

// Where a region begins, or would begin if it is empty.
HostCluster Layout::first_cluster(RegionKind kind) const {
  HostCluster at(0);
  for (const Region& region : regions_) {
    if (region.kind >= kind) break;
    at = geometry_.cluster(region.range.end());
  }
  return at;
}

HostOffset Layout::refcount_block_offset(std::uint64_t n) const {
  assert(n < totals_.refcount_blocks);
  return geometry_.offset(first_cluster(RegionKind::kRefcountBlocks) + n);
}

HostOffset Layout::l2_table_offset(std::uint64_t rank) const {
  assert(rank < totals_.l2_tables);
  return geometry_.offset(first_cluster(RegionKind::kL2Tables) + rank);
}

HostOffset Layout::data_offset(ClusterCount rank) const {
  assert(rank < totals_.data);
  return geometry_.offset(first_cluster(RegionKind::kDataClusters) + rank);
}

HostOffset Layout::zero_offset(ClusterCount rank) const {
  return geometry_.offset(first_cluster(RegionKind::kZeroClusters) + rank / kMostZeroReferences);
}

std::uint64_t Layout::zero_references(ClusterCount n) const {
  assert(n < totals_.zero);
  return std::min(map_->count(ClusterKind::kZero) - n * kMostZeroReferences, kMostZeroReferences);
}

HostOffset Layout::bitmaps_begin() const {
  return geometry_.offset(first_cluster(RegionKind::kBitmaps));
}

HostOffset Layout::compressed_begin() const {
  return geometry_.offset(first_cluster(RegionKind::kCompressedClusters));
}

qcow2::Header Layout::header() const {
  qcow2::Header header;
  header.geometry = geometry_;
  header.virtual_size = virtual_size_;
  header.l1_entries = l1_entries();
  // An empty disk has no L1 table, and then QEMU wants no offset either.
  if (header.l1_entries > 0) {
    header.l1_offset = geometry_.offset(first_cluster(RegionKind::kL1Table));
  }
  header.refcount_table_offset = geometry_.offset(first_cluster(RegionKind::kRefcountTable));
  header.refcount_table_clusters = totals_.refcount_table;
  if (data_file_) {
    header.incompatible_features |= qcow2::kIncompatibleDataFile;
    if (data_file_->raw) header.autoclear_features |= qcow2::kAutoclearRawDataFile;
    header.data_file_name = data_file_->name;
  }
  if (root_record_) {
    header.root = qcow2::RootExtension{.trailer = root_trailer().value_or(HostOffset(0)),
                                       .parent = root_record_->parent};
  }
  if (geometry_.extended_l2) header.incompatible_features |= qcow2::kIncompatibleExtendedL2;
  if (backing_file_) {
    header.backing_file_name = backing_file_->name;
    header.backing_format = backing_file_->format;
  }
  if (compression_ && compression_->type == CompressionType::kZstd) {
    header.incompatible_features |= qcow2::kIncompatibleCompressionType;
    header.compression_type = qcow2::kCompressionZstd;
  }
  if (bitmaps_.count() > 0) {
    header.autoclear_features |= qcow2::kAutoclearBitmaps;
    header.bitmaps = {.count = bitmaps_.count(),
                      .range = {bitmaps_begin(), bitmaps_.directory_bytes()}};
  }
  return header;
}

}  // namespace qcow2stream
