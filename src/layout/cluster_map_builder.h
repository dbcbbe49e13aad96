// SPDX-License-Identifier: GPL-2.0-or-later
//
// Makes a ClusterMap of what a survey finds.

#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "layout/cluster_map.h"
#include "qcow2/geometry.h"
#include "qcow2stream/types.h"

namespace qcow2stream {

struct CompressedCluster {
  GuestCluster cluster;
  std::uint32_t size = 0;  // bytes, less than a cluster
};

// The functions that mark may be called by any number of threads at once, in any order, with ranges
// that overlap: the map depends only on the union. A cluster that was marked in several ways is
// data if any of them was data, else compressed if any was that.
class ClusterMapBuilder {
 public:
  ClusterMapBuilder(const qcow2::Geometry& geometry, ClusterCount guest_clusters);

  // Marks a range of clusters, which must lie within the disk, as kData or kZero.
  void mark(ClusterKind kind, GuestCluster first, ClusterCount count);
  // Marks clusters within the disk. Each must be in one call at most.
  void mark_compressed(std::span<const CompressedCluster> clusters);
  // Marks a cluster that is not alike in all its subclusters; `subclusters` is the second word of
  // its extended L2 entry. The cluster is data if any of them is allocated, else zero. A cluster
  // must be in one call at most, and in none of the other functions.
  void mark_divided(GuestCluster cluster, std::uint64_t subclusters);
  // The finished map; the builder is empty afterwards. No other thread may mark meanwhile.
  [[nodiscard]] std::shared_ptr<const ClusterMap> finish();

 private:
  struct CompressedSize {
    std::uint32_t in_chunk;  // which of the chunk's clusters
    std::uint32_t size;
  };
  struct Chunk {
    ClusterMap::Planes planes;
    std::vector<CompressedSize> compressed;
  };
  using Runs = std::map<std::uint64_t, std::uint64_t>;  // first chunk -> one past the last

  [[nodiscard]] ClusterMap::Words& plane(Chunk& chunk, ClusterKind kind) const;
  void mark_in_chunk(std::uint64_t number, ClusterKind kind, ClusterCount first,
                     ClusterCount count);
  [[nodiscard]] ClusterCount clusters_in(std::uint64_t chunk) const;
  void join_runs();
  void put_runs_on_chunks();
  static void settle(Chunk& chunk);
  static void take_sizes(Chunk& chunk, std::vector<std::uint32_t>& sizes);
  void append_chunk(ClusterMap& map, std::uint64_t number, Chunk& chunk) const;
  template <class Between>
  void append_runs(ClusterMap& map, ClusterKind kind, std::uint64_t first, std::uint64_t end,
                   const Between& between) const;

  qcow2::Geometry geometry_;
  ClusterCount guest_clusters_;
  ClusterCount chunk_clusters_;
  std::mutex mutex_;  // guards the containers; bits are set with atomic operations
  std::map<std::uint64_t, Chunk> chunks_;
  std::array<Runs, kClusterKinds.size()> full_runs_;  // by kind
  std::vector<ClusterMap::Divided> divided_;
};

}  // namespace qcow2stream
