// SPDX-License-Identifier: GPL-2.0-or-later
//
// A ClusterMap says what each guest cluster is in the image, and how many of its kind come before
// it.
//
// A disk is cut into chunks of a fixed number of clusters. A chunk with nothing in it does not
// exist. Neighbouring chunks with the same in all their clusters are one entry without bits. The
// others hold a bit a cluster for each kind that occurs in them. So memory follows the mapped
// clusters, not the virtual size: a 2 EiB disk with a megabyte of data costs a few kilobytes, and
// so does one with every cluster allocated. A compressed cluster costs 4 bytes more, its size.
//
// A chunk always holds whole L2 tables, so that a table belongs to one entry.

#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "qcow2/geometry.h"
#include "qcow2stream/types.h"

namespace qcow2stream {

// What an L2 entry can say. A cluster without an entry is unallocated and has no kind.
enum class ClusterKind {
  kData,        // has a cluster of the image to itself
  kCompressed,  // is stored compressed, in as many bytes as it takes
  kZero,        // reads as zeros whatever the backing file holds
};
inline constexpr std::array kClusterKinds = {ClusterKind::kData, ClusterKind::kCompressed,
                                             ClusterKind::kZero};

// Is made by ClusterMapBuilder and never changes. Any number of threads may use it.
class ClusterMap {
 public:
  [[nodiscard]] const qcow2::Geometry& geometry() const { return geometry_; }
  // How many clusters the disk has, mapped or not.
  [[nodiscard]] ClusterCount guest_clusters() const { return guest_clusters_; }
  [[nodiscard]] GuestCluster end() const { return GuestCluster(guest_clusters_); }
  // How many clusters of a kind and of all kinds there are, and how many L2 tables with at least
  // one of them.
  [[nodiscard]] ClusterCount count(ClusterKind kind) const { return totals_.of(kind); }
  [[nodiscard]] ClusterCount mapped() const;
  [[nodiscard]] std::uint64_t l2_tables() const { return totals_.tables; }

  // The first cluster at or after `from`, which is at most end(), of this kind (next_other: not of
  // this kind), or end() if there is none.
  [[nodiscard]] GuestCluster next(ClusterKind kind, GuestCluster from) const;
  [[nodiscard]] GuestCluster next_other(ClusterKind kind, GuestCluster from) const;
  // The first cluster at or after `from` of any kind, or end() if there is none.
  [[nodiscard]] GuestCluster next_mapped(GuestCluster from) const;
  // The kind of a cluster before end(). Nothing where the cluster is unallocated.
  [[nodiscard]] std::optional<ClusterKind> kind_of(GuestCluster cluster) const;

  // How many clusters of this kind come before `cluster`, which may be end(). That is its rank.
  [[nodiscard]] ClusterCount before(ClusterKind kind, GuestCluster cluster) const;
  // The cluster of this kind with this rank; rank < count(kind).
  [[nodiscard]] GuestCluster nth(ClusterKind kind, ClusterCount rank) const;
  // How many bytes the compressed clusters take, by rank. Each takes less than a cluster.
  [[nodiscard]] std::span<const std::uint32_t> compressed_sizes() const {
    return compressed_sizes_;
  }

  // The first cluster at or after `from` that is not alike in all its subclusters, or end() if
  // there is none; and the second word of the extended L2 entry of any cluster. Clusters that are
  // not found in this way are allocated, zero or unallocated as a whole.
  [[nodiscard]] GuestCluster next_divided(GuestCluster from) const;
  [[nodiscard]] std::uint64_t subclusters(GuestCluster cluster) const;

  // What the functions above say of clusters, these say of L2 tables with an entry in them. A table
  // is named by its index in the L1 table.
  [[nodiscard]] std::uint64_t l2_tables_before(std::uint64_t l1_index) const;
  [[nodiscard]] std::uint64_t nth_l2_table(std::uint64_t rank) const;
  [[nodiscard]] std::uint64_t next_l2_table(std::uint64_t l1_index) const;
  // The first guest cluster of a table.
  [[nodiscard]] GuestCluster table_begin(std::uint64_t l1_index) const {
    return GuestCluster(l1_index * geometry_.l2_entries());
  }

  // How many bytes of memory the map takes.
  [[nodiscard]] std::uint64_t memory() const;

 private:
  friend class ClusterMapBuilder;
  using Words = std::vector<std::uint64_t>;
  using Planes = std::array<Words, kClusterKinds.size()>;  // by kind; empty where none occurs
  static constexpr std::size_t index(ClusterKind kind) { return static_cast<std::size_t>(kind); }

  struct Counts {
    std::array<ClusterCount, kClusterKinds.size()> clusters = {};
    std::uint64_t tables = 0;
    [[nodiscard]] ClusterCount of(ClusterKind kind) const { return clusters[index(kind)]; }
  };

  // One chunk with bits, or any number of adjacent chunks with the same in all their clusters.
  struct Entry {
    GuestCluster begin;
    ClusterCount clusters = 0;       // that it covers; the disk may end inside
    std::optional<ClusterKind> all;  // what every cluster is; then there are no planes
    Planes planes;                   // no bit is set in two of them
    Counts before;

    [[nodiscard]] const Words& plane(ClusterKind kind) const { return planes[index(kind)]; }
    [[nodiscard]] GuestCluster end() const { return begin + clusters; }
  };

  ClusterMap(const qcow2::Geometry& geometry, ClusterCount guest_clusters);
  void append(Entry entry);
  void add_to_totals(const Entry& entry);

  // The entry that contains `cluster` or, if none does, the next one.
  [[nodiscard]] std::vector<Entry>::const_iterator find(GuestCluster cluster) const;
  [[nodiscard]] static ClusterCount count_in(const Entry& entry, ClusterKind kind,
                                             ClusterCount first_clusters);
  [[nodiscard]] std::uint64_t tables_in(const Entry& entry, std::uint64_t first_tables) const;
  [[nodiscard]] std::uint64_t tables_covered(const Entry& entry) const;

  qcow2::Geometry geometry_;
  ClusterCount guest_clusters_;
  Counts totals_;
  std::vector<Entry> entries_;
  std::vector<std::uint32_t> compressed_sizes_;
  struct Divided {
    GuestCluster cluster;
    std::uint64_t subclusters = 0;
  };
  std::vector<Divided> divided_;  // sorted
};

}  // namespace qcow2stream
