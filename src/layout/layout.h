// SPDX-License-Identifier: GPL-2.0-or-later
//
// A Layout says where everything lies in the image. Once constructed, no offset can change any
// more.
//
// The image is a list of regions without gaps, always in this order, which is the reference's:
// header, refcount table, refcount blocks, L1 table, L2 tables, dirty bitmaps, data clusters; then,
// where the options ask for them, zero clusters and compressed clusters. Each begins at a cluster's
// border. The root's trailer, which belongs to no cluster, comes behind all of them. All but the
// first three may be empty. All functions are const, pure and may be called from any thread.

#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "layout/bitmap_layout.h"
#include "layout/cluster_map.h"
#include "layout/compressed_layout.h"
#include "qcow2/geometry.h"
#include "qcow2/header.h"
#include "qcow2stream/options.h"
#include "qcow2stream/types.h"

namespace qcow2stream {

// The geometry that `options` ask for. Throws Error{kUsage} where find_problem() finds one.
qcow2::Geometry geometry_of(const ImageOptions& options);

// The size that a guest sees: the disk's size, rounded up to whole sectors.
std::uint64_t virtual_size_of(std::uint64_t disk_size);

// How many clusters of the image hold what. The header takes one more.
struct ClusterTotals {
  ClusterCount refcount_table = 0;
  ClusterCount refcount_blocks = 0;
  ClusterCount l1_table = 0;
  ClusterCount l2_tables = 0;
  ClusterCount bitmaps = 0;
  ClusterCount data = 0;
  ClusterCount zero = 0;        // shared by all zero clusters of the guest
  ClusterCount compressed = 0;  // in which compressed clusters lie; the last may be incomplete

  [[nodiscard]] ClusterCount all() const {
    return 1 + refcount_table + refcount_blocks + l1_table + l2_tables + bitmaps + data + zero +
           compressed;
  }
};

// The totals of an image with the L2 tables and the clusters behind them that `content` has; its
// other numbers do not matter. Refcounts have to count the clusters that hold them, too, so the
// result is the smallest fixed point.
ClusterTotals total_clusters(const qcow2::Geometry& geometry, std::uint64_t virtual_size,
                             const ClusterTotals& content);

// Throws Error{kFailed} if an image with these totals breaks a limit of the format or of QEMU.
void check_limits(const std::string& disk_name, const qcow2::Geometry& geometry,
                  std::uint64_t virtual_size, const ClusterTotals& totals);

// Bytes behind the last cluster, where an image has its root there.
inline constexpr std::uint64_t kTrailerLength = 512;

enum class RegionKind {
  kHeader,
  kRefcountTable,
  kRefcountBlocks,
  kL1Table,
  kL2Tables,
  kBitmaps,
  kDataClusters,
  kZeroClusters,
  kCompressedClusters,
  kRootTrailer,
};

// What a region is called: "refcount-table", for example.
std::string_view region_name(RegionKind kind);

struct Region {
  RegionKind kind = RegionKind::kHeader;
  HostRange range;
};

class Layout {
 public:
  // Throws Error{kFailed} where check_limits() does. `map` must be for this geometry and size, and
  // so must be `bitmaps`, where there are any.
  Layout(const std::string& disk_name, std::uint64_t disk_size, const ImageOptions& options,
         std::shared_ptr<const ClusterMap> map,
         std::shared_ptr<const CarriedBitmaps> bitmaps = nullptr);

  [[nodiscard]] const qcow2::Geometry& geometry() const { return geometry_; }
  [[nodiscard]] const ClusterMap& map() const { return *map_; }
  [[nodiscard]] std::uint64_t virtual_size() const { return virtual_size_; }
  [[nodiscard]] std::uint64_t image_size() const;
  // How many bytes the image would have with every cluster allocated.
  [[nodiscard]] std::uint64_t fully_allocated_size() const;
  [[nodiscard]] const ClusterTotals& totals() const { return totals_; }
  [[nodiscard]] std::uint64_t l1_entries() const;
  // What the image says of its content.
  [[nodiscard]] const std::optional<RootRecord>& root_record() const { return root_record_; }
  // Where the root's trailer begins, or nothing.
  [[nodiscard]] std::optional<HostOffset> root_trailer() const;
  [[nodiscard]] bool external_data() const { return data_file_.has_value(); }

  // The regions that are not empty, in order.
  [[nodiscard]] const std::vector<Region>& regions() const { return regions_; }
  // The region that contains `offset`, which must lie within the image.
  [[nodiscard]] const Region& region_at(HostOffset offset) const;

  [[nodiscard]] HostOffset refcount_block_offset(std::uint64_t n) const;
  // Where the L2 table lies that has `rank` allocated ones before it.
  [[nodiscard]] HostOffset l2_table_offset(std::uint64_t rank) const;
  // Where the data cluster lies that has `rank` allocated ones before it. There is none in an image
  // with an external data file.
  [[nodiscard]] HostOffset data_offset(ClusterCount rank) const;
  // Where the guest's zero clusters lie in version 2, which has no other way to say that they are
  // zeros: they share as few clusters of the image as refcounts of 16 bits allow.
  [[nodiscard]] HostOffset zero_offset(ClusterCount rank) const;
  // How many references the shared cluster of zeros with number `n` has.
  [[nodiscard]] std::uint64_t zero_references(ClusterCount n) const;
  // Where the region of dirty bitmaps begins, and what lies in it.
  [[nodiscard]] HostOffset bitmaps_begin() const;
  [[nodiscard]] const BitmapLayout& bitmaps() const { return bitmaps_; }
  // Where the region of compressed clusters begins, and where each of them lies in it.
  [[nodiscard]] HostOffset compressed_begin() const;
  [[nodiscard]] const CompressedLayout& compressed() const { return compressed_; }

  [[nodiscard]] qcow2::Header header() const;

 private:
  void add_region(RegionKind kind, std::uint64_t length);
  [[nodiscard]] HostCluster first_cluster(RegionKind kind) const;

  qcow2::Geometry geometry_;
  std::uint64_t virtual_size_;
  std::optional<DataFile> data_file_;
  std::optional<BackingFile> backing_file_;
  std::optional<Compression> compression_;
  std::optional<RootRecord> root_record_;
  std::shared_ptr<const ClusterMap> map_;
  CompressedLayout compressed_;
  BitmapLayout bitmaps_;
  ClusterTotals totals_;
  std::vector<Region> regions_;
};

}  // namespace qcow2stream
