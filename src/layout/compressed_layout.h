// SPDX-License-Identifier: GPL-2.0-or-later
//
// Where the compressed clusters lie within their region: one behind the other in guest order,
// without regard to sectors and clusters. The data of one may begin in one host cluster and end in
// the next; both count a reference. Only where a host cluster has as many references as its
// refcount can hold, the next one begins at the next host cluster, as in QEMU's writer
// (qcow2_alloc_bytes).
//
// Offsets here are bytes from the beginning of the region. Only the sizes, which the cluster map
// has, and one position in kStep are kept. What lies between is added up when it is asked for.

#pragma once

#include <cassert>
#include <cstdint>
#include <span>
#include <vector>

#include "layout/cluster_map.h"
#include "qcow2/geometry.h"
#include "qcow2stream/types.h"

namespace qcow2stream {

// Never changes; any number of threads may use it. Keeps a reference to the map's sizes.
class CompressedLayout {
 public:
  // If there are compressed clusters, the refcounts of the geometry must have more than one bit.
  CompressedLayout(const ClusterMap& map, const qcow2::Geometry& geometry);

  // The size of the region, which ends with the last sector that a reader reads of the last
  // cluster's data.
  [[nodiscard]] std::uint64_t size() const { return size_; }

  // Walks the compressed clusters in order. Belongs to one thread and must not outlive the layout.
  class Cursor {
   public:
    [[nodiscard]] bool at_end() const { return rank_ == layout_->sizes_.size(); }
    // The rank, place and size of the current cluster. There is none at the end, where only rank()
    // may be called.
    [[nodiscard]] ClusterCount rank() const { return rank_; }
    [[nodiscard]] std::uint64_t offset() const { return offset_; }
    [[nodiscard]] std::uint32_t size() const {
      assert(!at_end());
      return layout_->sizes_[rank_];
    }
    [[nodiscard]] std::uint64_t end() const { return offset_ + size(); }
    void next();

   private:
    friend class CompressedLayout;
    Cursor(const CompressedLayout& layout, ClusterCount rank, std::uint64_t offset,
           std::uint32_t references)
        : layout_(&layout), rank_(rank), offset_(offset), references_(references) {}
    void place();

    const CompressedLayout* layout_;
    ClusterCount rank_;
    std::uint64_t offset_;
    // How many clusters before the current one refer to the host cluster in which it begins.
    std::uint32_t references_;
  };

  // A cursor at the compressed cluster with this rank, which may be one past the last.
  [[nodiscard]] Cursor at_rank(ClusterCount rank) const;
  // A cursor at the first cluster whose data ends behind `offset`, or at the end.
  [[nodiscard]] Cursor at_offset(std::uint64_t offset) const;

  // Fills `refcounts` with how many references the region's host clusters have, from the one with
  // number `first` on.
  void count_references(std::uint64_t first, std::span<std::uint64_t> refcounts) const;

 private:
  struct Position {
    std::uint64_t offset;
    std::uint32_t references;
  };

  std::span<const std::uint32_t> sizes_;
  unsigned cluster_bits_;
  std::uint32_t most_references_;
  std::uint64_t size_ = 0;
  std::vector<Position> positions_;  // of the ranks 0, kStep, 2 * kStep...
};

}  // namespace qcow2stream
