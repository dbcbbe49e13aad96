// SPDX-License-Identifier: GPL-2.0-or-later

#include "restore/other_references.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>
#include <utility>

#include "base/bits.h"
#include "base/endian.h"
#include "qcow2/entries.h"
#include "qcow2/limits.h"
#include "restore/image_errors.h"

namespace qcow2stream {
namespace {

// Tables are read in pieces of this size, in bytes.
constexpr std::uint64_t kTablePiece = 64 << 10;

constexpr std::uint64_t kTableEntry = 8;  // of all tables but L2

// No count says more (ReferenceCounts).
constexpr std::uint64_t kHighestCount = std::numeric_limits<std::uint16_t>::max();

// Calls use(piece, times) with the pieces of what `ranges` cover, in order, each with how many of
// them cover it, as long as it returns true.
template <class Use>
bool for_each_piece(const std::vector<HostRange>& ranges, const Use& use) {
  std::map<HostOffset, std::int64_t> steps;
  for (const HostRange& range : ranges) {
    ++steps[range.begin];
    --steps[range.end()];
  }
  std::int64_t times = 0;
  HostOffset begin;
  for (const auto& [at, step] : steps) {
    const HostRange piece{begin, at - begin};
    if (times > 0 && piece.length > 0 && !use(piece, static_cast<std::uint64_t>(times))) {
      return false;
    }
    times += step;
    begin = at;
  }
  return true;
}

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

void OtherReferences::check_lies_in_image(HostRange range) const {
  if (range.begin.value() <= length_ && range.length <= length_ - range.begin.value()) return;
  throw_damaged(name_, range.begin, "a table of a snapshot or a bitmap lies behind its end");
}

bool OtherReferences::read(HostOffset at, std::span<std::byte> buffer) const {
  check_lies_in_image({at, buffer.size()});
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
      use(load_big<std::uint64_t>(&bytes[i]), at + i);
    }
  }
  return true;
}

// Counts what tables lie in, and calls use(entry, at, times) with each entry and in how many of
// them it is. However many tables say that they lie in one place, that is read once.
template <class Use>
bool OtherReferences::count_tables(const std::vector<HostRange>& tables, const Use& use) {
  std::vector<HostRange> clusters;
  for (const HostRange& table : tables) {
    if (table.length == 0) continue;
    check_lies_in_image(table);
    clusters.push_back({table.begin, align_up(table.length, geometry_.cluster_size())});
  }
  const bool was_read = for_each_piece(tables, [&](HostRange piece, std::uint64_t times) {
    return for_each_entry(piece, kTableEntry,
                          [&](std::uint64_t entry, HostOffset at) { use(entry, at, times); });
  });
  if (!was_read) return false;
  return for_each_piece(clusters, [&](HostRange piece, std::uint64_t times) {
    counts_.add(piece, Reference::Claim::kNone, times);
    return true;
  });
}

// --- snapshots ----------------------------------------------------------------------------------

bool OtherReferences::count_snapshots() {
  if (header_.snapshots == 0) return true;
  std::vector<HostRange> l1_tables;
  const auto table = qcow2::walk_snapshots(
      header_,
      {.read = [this](HostOffset at, std::span<std::byte> buffer) { return read(at, buffer); },
       .refuse = [this](HostOffset at,
                        const std::string& reason) { throw_damaged(name_, at, reason); }},
      [&](const qcow2::Snapshot& snapshot) {
        check_l1(snapshot);
        l1_tables.push_back({snapshot.l1_offset, snapshot.l1_entries * kTableEntry});
        return true;
      });
  if (!table) return false;
  counts_.add(*table);
  std::vector<std::uint16_t> l2_tables;
  if (!count_tables(l1_tables, [&](std::uint64_t entry, HostOffset at, std::uint64_t times) {
        count_l1_entry(entry, at, times, l2_tables);
      })) {
    return false;
  }
  for (std::uint64_t i = 0; i < l2_tables.size(); ++i) {
    if (l2_tables[i] != 0 && !count_l2(geometry_.offset(HostCluster(i)), l2_tables[i])) {
      return false;
    }
  }
  return true;
}

void OtherReferences::check_l1(const qcow2::Snapshot& snapshot) const {
  if (snapshot.l1_entries > qcow2::kMaxL1Bytes / kTableEntry) {
    throw_damaged(name_, snapshot.l1_offset, "the L1 table of a snapshot is too large");
  }
  if (snapshot.l1_entries > 0 && snapshot.l1_offset.value() % geometry_.cluster_size() != 0) {
    throw_damaged(name_, snapshot.l1_offset, "the L1 table of a snapshot begins amid a cluster");
  }
}

void OtherReferences::count_l1_entry(std::uint64_t entry, HostOffset at, std::uint64_t times,
                                     std::vector<std::uint16_t>& l2_tables) const {
  const HostOffset l2 = qcow2::entry_offset(entry);
  if ((entry & qcow2::kReservedOfL1) != 0) {
    throw_damaged(name_, at, "an entry has bits that must be zeros");
  }
  if (l2.value() == 0) return;
  if (l2.value() % geometry_.cluster_size() != 0) {
    throw_damaged(name_, at, fmt::format("an L2 table begins at {}, amid a cluster", l2.value()));
  }
  check_lies_in_image({l2, geometry_.cluster_size()});
  const std::uint64_t cluster = l2.value() >> geometry_.cluster_bits;
  if (l2_tables.size() <= cluster) l2_tables.resize(cluster + 1);
  l2_tables[cluster] = static_cast<std::uint16_t>(
      std::min<std::uint64_t>(kHighestCount, l2_tables[cluster] + times));
}

bool OtherReferences::count_l2(HostOffset table, std::uint64_t times) {
  const HostRange range{table, geometry_.cluster_size()};
  const bool was_read =
      for_each_entry(range, geometry_.l2_entry_size(),
                     [&](std::uint64_t entry, HostOffset at) { count_cluster(entry, at, times); });
  if (was_read) counts_.add(range, Reference::Claim::kNone, times);
  return was_read;
}

void OtherReferences::count_cluster(std::uint64_t entry, HostOffset at, std::uint64_t times) {
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
  counts_.add(cluster, Reference::Claim::kNone, times);
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
  std::vector<HostRange> tables;
  for (const qcow2::Bitmap& bitmap : *bitmaps) {
    tables.push_back({bitmap.table_offset, bitmap.table_entries * kTableEntry});
  }
  return count_tables(tables, [&](std::uint64_t entry, HostOffset at, std::uint64_t times) {
    using enum qcow2::BitmapCluster::Kind;
    const qcow2::BitmapCluster cluster = qcow2::decode_bitmap_cluster(entry, geometry_);
    if (cluster.kind == kInvalid ||
        (cluster.kind == kStored && cluster.offset.value() >= length_)) {
      throw_damaged(name_, at, "the table of a bitmap makes no sense");
    }
    if (cluster.kind == kStored) {
      counts_.add({cluster.offset, geometry_.cluster_size()}, Reference::Claim::kNone, times);
    }
  });
}

}  // namespace qcow2stream
