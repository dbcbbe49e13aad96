// SPDX-License-Identifier: GPL-2.0-or-later

#include "restore/other_references.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "base/endian.h"
#include "qcow2/entries.h"
#include "qcow2/limits.h"
#include "restore/image_errors.h"

namespace qcow2stream {
namespace {

// Tables are read in pieces of this size, in bytes.
constexpr std::uint64_t kTablePiece = 64 << 10;

constexpr std::uint64_t kTableEntry = 8;  // of all tables but L2

}  // namespace

OtherReferences::OtherReferences(const qcow2::Header& header, std::string name,
                                 std::uint64_t length, Read read, ReferenceCounts& counts)
    : header_(header),
      geometry_(header.geometry),
      name_(std::move(name)),
      length_(length),
      read_(std::move(read)),
      counts_(counts) {}

bool OtherReferences::count() {
  const bool snapshots = count_snapshots();
  return count_bitmaps() && snapshots;
}

bool OtherReferences::read(HostOffset at, std::span<std::byte> buffer) const {
  if (at.value() > length_ || buffer.size() > length_ - at.value()) {
    throw_damaged(name_, at, "a table of a snapshot or a bitmap lies behind its end");
  }
  return read_(at, buffer);
}

// Calls use(entry, at) with each entry of a table, where it lies in the image and its first word.
template <class Use>
bool OtherReferences::for_each_entry(HostRange table, std::uint64_t entry_size,
                                     const Use& use) const {
  std::vector<std::byte> bytes;
  while (table.length > 0) {
    const HostOffset at = table.begin;
    bytes.resize(table.take_front(kTablePiece).length);
    if (!read(at, bytes)) return false;
    for (std::size_t i = 0; i < bytes.size(); i += entry_size) {
      if (!use(load_big<std::uint64_t>(&bytes[i]), at + i)) return false;
    }
  }
  return true;
}

// --- snapshots ----------------------------------------------------------------------------------

bool OtherReferences::count_snapshots() {
  if (header_.snapshots == 0) return true;
  const auto table = qcow2::walk_snapshots(
      header_,
      {.read = [this](HostOffset at, std::span<std::byte> buffer) { return read(at, buffer); },
       .refuse = [this](HostOffset at,
                        const std::string& reason) { throw_damaged(name_, at, reason); }},
      [this](const qcow2::Snapshot& snapshot) { return count_l1(snapshot); });
  if (table) counts_.add(*table);
  return table.has_value();
}

bool OtherReferences::count_l1(const qcow2::Snapshot& snapshot) {
  const HostRange table{snapshot.l1_offset, snapshot.l1_entries * kTableEntry};
  if (table.length == 0) return true;
  if (table.length > qcow2::kMaxL1Bytes) {
    throw_damaged(name_, table.begin, "the L1 table of a snapshot is too large");
  }
  if (table.begin.value() % geometry_.cluster_size() != 0) {
    throw_damaged(name_, table.begin, "the L1 table of a snapshot begins amid a cluster");
  }
  // It lies in the image if it can be read.
  const bool was_read = for_each_entry(table, kTableEntry, [&](std::uint64_t entry, HostOffset at) {
    const HostOffset l2 = qcow2::entry_offset(entry);
    if ((entry & qcow2::kReservedOfL1) != 0) {
      throw_damaged(name_, at, "an entry has bits that must be zeros");
    }
    if (l2.value() == 0) return true;
    if (l2.value() % geometry_.cluster_size() != 0) {
      throw_damaged(name_, at, fmt::format("an L2 table begins at {}, amid a cluster", l2.value()));
    }
    return count_l2(l2);
  });
  if (was_read) counts_.add(table);
  return was_read;
}

bool OtherReferences::count_l2(HostOffset table) {
  const HostRange range{table, geometry_.cluster_size()};
  const bool was_read =
      for_each_entry(range, geometry_.l2_entry_size(), [&](std::uint64_t entry, HostOffset at) {
        count_cluster(entry, at);
        return true;
      });
  if (was_read) counts_.add(range);
  return was_read;
}

void OtherReferences::count_cluster(std::uint64_t entry, HostOffset at) {
  HostRange cluster{qcow2::entry_offset(entry), geometry_.cluster_size()};
  if ((entry & qcow2::kCompressedFlag) != 0) {
    cluster = qcow2::decode_compressed_entry(entry, geometry_.cluster_bits);
    if (qcow2::entry_copied(entry)) {
      throw_damaged(name_, at, "an entry says that nothing else uses a cluster of compressed data");
    }
  } else if ((entry & qcow2::kReservedOfL2) != 0) {
    throw_damaged(name_, at, "an entry has bits that must be zeros");
  } else if (cluster.begin.value() == 0) {
    return;
  } else if (cluster.begin.value() % geometry_.cluster_size() != 0) {
    throw_damaged(name_, at,
                  fmt::format("a cluster begins at {}, amid another", cluster.begin.value()));
  }
  if (cluster.begin.value() >= length_) {
    throw_damaged(name_, at,
                  fmt::format("a cluster of a snapshot lies at {}, behind the end of the image",
                              cluster.begin.value()));
  }
  counts_.add(cluster);
}

// --- bitmaps ------------------------------------------------------------------------------------

bool OtherReferences::count_bitmaps() {
  if (!header_.bitmaps) return true;
  const HostRange range = header_.bitmaps->range;
  std::vector<std::byte> directory(range.length);
  if (!read(range.begin, directory)) return false;
  const auto bitmaps = qcow2::decode_bitmap_directory(directory, header_.bitmaps->count, geometry_,
                                                      header_.virtual_size);
  if (!bitmaps) throw_damaged(name_, range.begin, "its bitmap directory is damaged");
  if (range.length > 0) counts_.add(range);
  return std::ranges::all_of(*bitmaps, [&](const auto& bitmap) { return count_bitmap(bitmap); });
}

bool OtherReferences::count_bitmap(const qcow2::Bitmap& bitmap) {
  using enum qcow2::BitmapCluster::Kind;
  const HostRange table{bitmap.table_offset, bitmap.table_entries * kTableEntry};
  const bool was_read = for_each_entry(table, kTableEntry, [&](std::uint64_t entry, HostOffset at) {
    const qcow2::BitmapCluster cluster = qcow2::decode_bitmap_cluster(entry, geometry_);
    if (cluster.kind == kInvalid ||
        (cluster.kind == kStored && cluster.offset.value() >= length_)) {
      throw_damaged(name_, at, "the table of a bitmap makes no sense");
    }
    if (cluster.kind == kStored) counts_.add({cluster.offset, geometry_.cluster_size()});
    return true;
  });
  if (was_read) counts_.add(table);
  return was_read;
}

}  // namespace qcow2stream
