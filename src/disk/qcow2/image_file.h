// SPDX-License-Identifier: GPL-2.0-or-later
//
// One qcow2 image of a chain: its file, what its header says, and what its tables say.

#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "disk/qcow2/compressed_clusters.h"
#include "disk/qcow2/tables.h"
#include "qcow2/header.h"
#include "qcow2/snapshots.h"
#include "qcow2stream/disk.h"
#include "qcow2stream/salvage.h"

namespace qcow2stream {

// Reads the header of the image that `file` holds. Throws Error{kFailed} for what QEMU would not
// open.
qcow2::Header read_qcow2_header(const Disk& file);

// Reads the internal snapshots of that image, in the order of their table. Throws Error{kFailed}.
std::vector<qcow2::Snapshot> read_snapshots(const Disk& file, const qcow2::Header& header);

// How an image is read.
struct Qcow2Reading {
  std::uint64_t cache_bytes = 0;  // about so much memory for its tables
  // Tables that cannot be read as a whole are read in parts, and compressed clusters are decoded to
  // their end, whoever asks for their beginning.
  bool salvage = false;
  bool clusters_end_in_file = false;  // as for Qcow2Tables
};

// An image that is open for reading. It is neither copied nor moved, since its parts refer to each
// other.
class Qcow2Image {
 public:
  // `data` is the external data file, where the image has one. `snapshot` is the internal one to
  // be read, in place of the disk as it is. Throws Error{kFailed}.
  Qcow2Image(std::shared_ptr<const Disk> file, std::shared_ptr<const Disk> data,
             qcow2::Header header, const std::optional<qcow2::Snapshot>& snapshot,
             const Qcow2Reading& reading);
  Qcow2Image(const Qcow2Image&) = delete;
  Qcow2Image& operator=(const Qcow2Image&) = delete;

  [[nodiscard]] const qcow2::Header& header() const { return header_; }
  [[nodiscard]] const Disk& file() const { return *file_; }
  // Returns what its data clusters lie in.
  [[nodiscard]] const Disk& data() const { return data_ != nullptr ? *data_ : *file_; }
  [[nodiscard]] bool has_data_file() const { return data_ != nullptr; }
  // The bytes of the disk that is read, a multiple of 512.
  [[nodiscard]] std::uint64_t disk_size() const { return disk_size_; }
  [[nodiscard]] const Qcow2Tables& tables() const { return tables_; }
  [[nodiscard]] const Qcow2CompressedClusters& compressed() const { return compressed_; }

 private:
  std::shared_ptr<const Disk> file_;
  std::shared_ptr<const Disk> data_;
  qcow2::Header header_;
  std::uint64_t disk_size_;
  std::shared_ptr<LostRanges> lost_tables_;  // of the file; null: an error of it is one of ours
  std::shared_ptr<const Disk> table_file_;   // the file, for reading its tables
  Qcow2Tables tables_;
  Qcow2CompressedClusters compressed_;
};

}  // namespace qcow2stream
