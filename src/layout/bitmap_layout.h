// SPDX-License-Identifier: GPL-2.0-or-later
//
// Where the dirty bitmaps lie that an image takes over from its disk: a region of their own, of
// whole clusters. First the directory, then the table of each bitmap, then the clusters of bits
// that are neither all zeros nor all ones, in the order of the tables.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "qcow2/bitmaps.h"
#include "qcow2/geometry.h"
#include "qcow2stream/types.h"

namespace qcow2stream {

// What the survey has found out about one bitmap.
struct CarriedBitmap {
  std::string name;
  unsigned granularity_bits = 16;
  bool is_active = false;
  // So many clusters of bits in a row are alike; neighbours differ. Never kInvalid.
  struct Run {
    qcow2::BitmapCluster::Kind kind = qcow2::BitmapCluster::Kind::kZeros;
    std::uint64_t clusters = 0;
  };
  std::vector<Run> runs;
};

// All of them, in the order of the directory.
struct CarriedBitmaps {
  std::vector<CarriedBitmap> list;
};

// All functions are const, pure and thread-safe.
class BitmapLayout {
 public:
  // `bitmaps` may be null: there are none, and all is empty.
  BitmapLayout(std::shared_ptr<const CarriedBitmaps> bitmaps, const qcow2::Geometry& geometry);

  [[nodiscard]] std::uint32_t count() const { return static_cast<std::uint32_t>(bitmaps_.size()); }
  // How many clusters the region has; none without bitmaps.
  [[nodiscard]] ClusterCount clusters() const { return clusters_; }
  [[nodiscard]] std::uint64_t directory_bytes() const { return directory_bytes_; }

  // The bytes of the directory, in a region that begins at `begin`.
  [[nodiscard]] std::vector<std::byte> directory(HostOffset begin) const;

  // What lies at a byte of the region, up to the end of what is of one kind.
  struct Piece {
    enum class Kind { kDirectory, kTable, kBits };
    Kind kind = Kind::kDirectory;
    std::size_t bitmap = 0;    // its number
    std::uint64_t at = 0;      // bytes into the directory, the table, or the bits of the bitmap
    std::uint64_t length = 0;  // bytes of the region; directory and tables are filled up with zeros
  };
  [[nodiscard]] Piece piece_at(std::uint64_t offset) const;

  // Fills `out` with whole entries of a bitmap's table, from that with number `first` on.
  void fill_table(std::size_t bitmap, std::uint64_t first, HostOffset begin,
                  std::span<std::byte> out) const;

 private:
  // A run of a bitmap, and what comes before it.
  struct PlacedRun {
    qcow2::BitmapCluster::Kind kind = qcow2::BitmapCluster::Kind::kZeros;
    std::uint64_t first = 0;  // entry of the table
    std::uint64_t end = 0;    // entry
    ClusterCount stored = 0;  // cluster of the region at which its bits would lie
  };
  struct Placed {
    ClusterCount table = 0;  // cluster of the region where its table begins
    ClusterCount bits = 0;   // and its bits
    std::vector<PlacedRun> runs;

    [[nodiscard]] std::uint64_t entries() const { return runs.empty() ? 0 : runs.back().end; }
  };

  [[nodiscard]] Piece table_piece(ClusterCount cluster, std::uint64_t in_cluster) const;
  [[nodiscard]] Piece bits_piece(ClusterCount cluster, std::uint64_t in_cluster) const;

  std::shared_ptr<const CarriedBitmaps> source_;
  qcow2::Geometry geometry_;
  std::uint64_t directory_bytes_ = 0;
  ClusterCount tables_ = 0;  // cluster of the region where the first table begins
  ClusterCount bits_ = 0;    // and the first bits
  ClusterCount clusters_ = 0;
  std::vector<Placed> bitmaps_;
};

}  // namespace qcow2stream
