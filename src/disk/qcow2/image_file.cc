// SPDX-License-Identifier: GPL-2.0-or-later

#include "disk/qcow2/image_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "base/bits.h"
#include "qcow2/limits.h"
#include "qcow2/unreadable.h"

namespace qcow2stream {
namespace {

// QEMU rounds down to whole sectors when it opens an image (bs->total_sectors).
std::uint64_t whole_sectors(std::uint64_t bytes) {
  return align_down(bytes, qcow2::kSectorSize);
}

L1Table l1_of(const qcow2::Header& header, const std::optional<qcow2::Snapshot>& snapshot) {
  if (snapshot) return {.offset = snapshot->l1_offset, .entries = snapshot->l1_entries};
  return {.offset = header.l1_offset, .entries = header.l1_entries};
}

std::uint64_t disk_size_of(const qcow2::Header& header,
                           const std::optional<qcow2::Snapshot>& snapshot) {
  const bool has_own = snapshot && snapshot->disk_size;
  return whole_sectors(has_own ? *snapshot->disk_size : header.virtual_size);
}

// QEMU: qcow2_snapshot_load_tmp(), and what its own L1 table has to fulfil.
void check_snapshot(const Disk& file, const qcow2::Header& header,
                    const qcow2::Snapshot& snapshot) {
  const qcow2::Geometry& geometry = header.geometry;
  const std::uint64_t bytes = snapshot.l1_entries * 8;
  if (bytes > qcow2::kMaxL1Bytes) {
    qcow2::throw_unreadable(file.name(), "the L1 table of the snapshot is too large");
  }
  if (snapshot.l1_offset.value() > std::numeric_limits<std::int64_t>::max() - bytes ||
      snapshot.l1_offset.value() % geometry.cluster_size() != 0) {
    qcow2::throw_unreadable(
        file.name(), fmt::format("the offset {} of the L1 table of the snapshot is not that of "
                                 "a cluster",
                                 snapshot.l1_offset.value()));
  }
  if (snapshot.disk_size && *snapshot.disk_size > qcow2::kMaxVirtualSize) {
    qcow2::throw_unreadable(file.name(),
                            "it says that the disk of the snapshot has too many bytes");
  }
}

}  // namespace

qcow2::Header read_qcow2_header(const Disk& file) {
  std::vector<std::byte> bytes(std::min<std::uint64_t>(file.size(), qcow2::kSmallestHeader));
  file.read(GuestOffset(0), bytes);
  const std::uint64_t cluster_size = qcow2::header_cluster_size(bytes, file.name());
  bytes.resize(std::min(file.size(), cluster_size));
  file.read(GuestOffset(0), bytes);
  return qcow2::decode_header(bytes, file.name());
}

std::vector<qcow2::Snapshot> read_snapshots(const Disk& file, const qcow2::Header& header) {
  std::vector<qcow2::Snapshot> snapshots;
  qcow2::walk_snapshots(
      header,
      {.read =
           [&](HostOffset at, std::span<std::byte> buffer) {
             if (at.value() > file.size() || buffer.size() > file.size() - at.value()) {
               qcow2::throw_unreadable(file.name(),
                                       "its snapshot table lies behind the end of the file");
             }
             file.read(GuestOffset(at.value()), buffer);
             return true;
           },
       .refuse = [&](HostOffset /*at*/,
                     const std::string& reason) { qcow2::throw_unreadable(file.name(), reason); }},
      [&](const qcow2::Snapshot& snapshot) {
        snapshots.push_back(snapshot);
        return true;
      });
  return snapshots;
}

Qcow2Image::Qcow2Image(std::shared_ptr<const Disk> file, std::shared_ptr<const Disk> data,
                       qcow2::Header header, const std::optional<qcow2::Snapshot>& snapshot,
                       const Qcow2Reading& reading)
    : file_(std::move(file)),
      data_(std::move(data)),
      header_(std::move(header)),
      disk_size_(disk_size_of(header_, snapshot)),
      lost_tables_(reading.salvage ? std::make_shared<LostRanges>() : nullptr),
      table_file_(reading.salvage ? salvaging(file_, lost_tables_) : file_),
      tables_(*table_file_, Qcow2Image::data(), header_, l1_of(header_, snapshot),
              reading.cache_bytes, lost_tables_.get(), reading.clusters_end_in_file),
      compressed_(*file_, header_, reading.salvage) {
  if (snapshot) check_snapshot(*file_, header_, *snapshot);
}

}  // namespace qcow2stream
