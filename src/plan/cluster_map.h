// SPDX-License-Identifier: GPL-2.0-or-later
//
// ClusterMap: which guest clusters have space in the image, and how many come before each.
//
// A disk is cut into chunks of a fixed number of clusters. A chunk with nothing in it does not
// exist, neighbouring chunks with everything in them are one entry without bits; the others hold a
// bit a cluster. So memory follows the allocated clusters, not the virtual size: a 2 EiB disk with
// a megabyte of data costs a few kilobytes, and so does one with every cluster allocated.
//
// A chunk always holds whole L2 tables, so that a table belongs to one entry.

#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "qcow2/geometry.h"
#include "qcow2stream/types.h"

namespace qcow2stream {

// Immutable: made by ClusterMapBuilder. Any number of threads may use it.
class ClusterMap {
 public:
  [[nodiscard]] const qcow2::Geometry& geometry() const { return geometry_; }
  // Clusters that the disk has, allocated or not.
  [[nodiscard]] ClusterCount guest_clusters() const { return guest_clusters_; }
  [[nodiscard]] GuestCluster end() const { return GuestCluster(guest_clusters_); }
  // Clusters with data, and L2 tables with at least one of them.
  [[nodiscard]] ClusterCount data_clusters() const { return data_clusters_; }
  [[nodiscard]] std::uint64_t l2_tables() const { return l2_tables_; }

  // The first cluster at or after `from` with data (without data: next_gap), or end().
  [[nodiscard]] GuestCluster next_data(GuestCluster from) const;
  [[nodiscard]] GuestCluster next_gap(GuestCluster from) const;
  // Clusters with data before `cluster`, which may be end().
  [[nodiscard]] ClusterCount data_before(GuestCluster cluster) const;
  // The cluster with data that has `rank` such clusters before it; rank < data_clusters().
  [[nodiscard]] GuestCluster nth_data(ClusterCount rank) const;

  // The same for L2 tables; a table is named by its index in the L1 table.
  [[nodiscard]] std::uint64_t l2_tables_before(std::uint64_t l1_index) const;
  [[nodiscard]] std::uint64_t nth_l2_table(std::uint64_t rank) const;
  [[nodiscard]] std::uint64_t next_l2_table(std::uint64_t l1_index) const;
  // The first guest cluster of a table.
  [[nodiscard]] GuestCluster table_begin(std::uint64_t l1_index) const {
    return GuestCluster(l1_index * geometry_.l2_entries());
  }

  // Bytes of memory that it takes.
  [[nodiscard]] std::uint64_t memory() const;

 private:
  friend class ClusterMapBuilder;
  using Words = std::vector<std::uint64_t>;

  // One chunk with bits, or any number of adjacent chunks with everything allocated (no words).
  struct Entry {
    GuestCluster begin;
    ClusterCount clusters = 0;  // that it covers; the disk may end inside
    ClusterCount data_before = 0;
    std::uint64_t tables_before = 0;
    Words words;

    [[nodiscard]] bool all() const { return words.empty(); }
    [[nodiscard]] GuestCluster end() const { return begin + clusters; }
  };

  ClusterMap(const qcow2::Geometry& geometry, ClusterCount guest_clusters);
  void append(Entry entry);

  // The entry that contains `cluster` or, if none does, the next one.
  [[nodiscard]] std::vector<Entry>::const_iterator find(GuestCluster cluster) const;
  [[nodiscard]] ClusterCount data_in(const Entry& entry, ClusterCount first_clusters) const;
  [[nodiscard]] std::uint64_t tables_in(const Entry& entry, std::uint64_t first_tables) const;
  [[nodiscard]] std::uint64_t tables_covered(const Entry& entry) const;

  qcow2::Geometry geometry_;
  ClusterCount guest_clusters_;
  ClusterCount data_clusters_ = 0;
  std::uint64_t l2_tables_ = 0;
  std::vector<Entry> entries_;
};

// Collects what a survey finds. mark_data() may be called by any number of threads at once, in any
// order, with ranges that overlap: the map depends only on the union.
class ClusterMapBuilder {
 public:
  ClusterMapBuilder(const qcow2::Geometry& geometry, ClusterCount guest_clusters);

  // The range must lie within the disk.
  void mark_data(GuestCluster first, ClusterCount count);
  // The finished map; the builder is empty afterwards. Not while another thread marks.
  [[nodiscard]] std::shared_ptr<const ClusterMap> finish();

 private:
  [[nodiscard]] std::uint64_t* chunk_words(std::uint64_t chunk);
  void mark_in_chunk(std::uint64_t chunk, ClusterCount first, ClusterCount count);

  qcow2::Geometry geometry_;
  ClusterCount guest_clusters_;
  ClusterCount chunk_clusters_;
  std::mutex mutex_;  // guards the containers; bits are set with atomic operations
  std::map<std::uint64_t, ClusterMap::Words> chunks_;
  std::map<std::uint64_t, std::uint64_t> full_runs_;  // first chunk -> one past the last
};

}  // namespace qcow2stream
