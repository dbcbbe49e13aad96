// SPDX-License-Identifier: GPL-2.0-or-later
//
// Reads the L1 and L2 tables of one image, which say what each part of its disk holds and where
// that lies (specification: "Cluster mapping").
//
// The image may come from anybody. What QEMU refuses when it reads such an entry is an error here;
// so is what begins behind the end of the file, which QEMU reads as zeros. Who salvages can ask for
// what it is an error of, and how much of the disk it concerns.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "disk/qcow2/shared_cache.h"
#include "qcow2/entries.h"
#include "qcow2/header.h"
#include "qcow2stream/disk.h"
#include "qcow2stream/salvage.h"
#include "qcow2stream/types.h"

namespace qcow2stream {

// Where an L1 table lies, that of the disk as it is now or of a snapshot.
struct L1Table {
  HostOffset offset;
  std::uint64_t entries = 0;
};

// A part of an image's disk that is alike from end to end.
struct Qcow2Extent {
  qcow2::EntryKind kind = qcow2::EntryKind::kUnallocated;
  GuestRange range;
  // Of kData, where it lies in the file, or in the external data file.
  HostOffset offset;
  // Of kCompressed, whose range is a part of one cluster, the sectors with its data, which may end
  // behind the end of the file, and where the cluster begins in the disk.
  HostRange blob;
  GuestOffset cluster;
  // Of kInvalid, the reason.
  std::string problem;
};

// All functions may be called by several threads at once.
class Qcow2Tables {
 public:
  // `file` is the image and `data` what its data clusters lie in: the same, or an external file.
  // Both must outlive it. Keeps at most `cache_bytes` of tables in memory (but always one piece).
  // Throws Error{kFailed} if the L1 table does not lie in the file.
  // Where `file` is salvaged, `lost` is what could not be read of it; it must outlive the tables.
  // Then there is no such error, and extent_or_damage() is to be asked.
  // A data cluster may end behind the end of the file, unless `clusters_end_in_file`.
  Qcow2Tables(const Disk& file, const Disk& data, const qcow2::Header& header, L1Table l1,
              std::uint64_t cache_bytes, const LostRanges* lost = nullptr,
              bool clusters_end_in_file = false);

  // Returns what `range` begins with, which is not empty and lies within the disk of the image.
  // Throws Error{kFailed} with the offset in the disk. Never gives kInvalid.
  [[nodiscard]] Qcow2Extent extent_at(GuestRange range) const;
  // Does the same, but what makes no sense, or of which the tables are lost, is an extent of
  // kInvalid.
  [[nodiscard]] Qcow2Extent extent_or_damage(GuestRange range) const;

 private:
  using Piece = std::vector<std::byte>;
  struct Position;

  [[nodiscard]] std::shared_ptr<const Piece> piece_at(HostOffset offset) const;
  [[nodiscard]] Qcow2Extent extent_without_l2(GuestRange range, std::uint64_t index,
                                              const Piece& piece) const;
  [[nodiscard]] std::optional<std::string> problem_of_l2_table(HostOffset table,
                                                               std::uint64_t index) const;
  [[nodiscard]] std::optional<std::string> loss_in(HostOffset offset, std::uint64_t length) const;
  [[nodiscard]] Qcow2Extent extent_in_l2(GuestRange range, HostOffset table) const;
  [[nodiscard]] Qcow2Extent part_of_cluster(const Position& position) const;
  [[nodiscard]] qcow2::EntryKind kind_of(const Position& position) const;
  [[nodiscard]] unsigned subcluster_of(std::uint64_t in_cluster) const;
  [[nodiscard]] std::uint64_t alike_subclusters(const Position& position,
                                                qcow2::EntryKind kind) const;
  void cut_at_end_of_file(Qcow2Extent& part) const;
  [[nodiscard]] static bool goes_on(const Qcow2Extent& extent, const Qcow2Extent& next);
  [[nodiscard]] std::optional<std::string> problem_of(const Position& position,
                                                      qcow2::EntryKind kind) const;
  const Disk& file_;
  const Disk& data_;
  const qcow2::Geometry geometry_;
  const bool has_data_file_;
  const L1Table l1_;
  const LostRanges* lost_;
  const bool clusters_end_in_file_;
  const std::uint64_t piece_size_;
  mutable SharedCache<Piece> pieces_;
};

}  // namespace qcow2stream
