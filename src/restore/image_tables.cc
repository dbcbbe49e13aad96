// SPDX-License-Identifier: GPL-2.0-or-later

#include "restore/image_tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/endian.h"
#include "restore/image_errors.h"

namespace qcow2stream {
namespace {

using qcow2::EntryKind;
using Kind = Reference::Kind;

constexpr std::uint64_t kEntrySize = 8;  // of an L1 table and of a refcount table

}  // namespace

ImageTables::ImageTables(const qcow2::Header& header, std::string name, RestoredContent& content,
                         std::function<void(const Reference&)> refer, bool for_counts)
    : header_(header),
      geometry_(header.geometry),
      name_(std::move(name)),
      content_(content),
      refer_(std::move(refer)),
      for_counts_(for_counts),
      l1_used_(std::min(header.l1_entries, div_up(header.virtual_size, table_reach()))),
      l1_read_(for_counts ? header.l1_entries : l1_used_),
      l1_left_(l1_read_) {}

Reference::Claim ImageTables::claim_of(std::uint64_t entry) const {
  if (!for_counts_) return Reference::Claim::kNone;
  return qcow2::entry_copied(entry) ? Reference::Claim::kOnlyOne : Reference::Claim::kOneOfSeveral;
}

// What QEMU passes over when it reads a cluster, and finds when it checks an image:
// check_refcounts_l2().
void ImageTables::check_strictly(std::uint64_t entry, std::uint64_t bits, HostOffset at) const {
  if ((entry & qcow2::kCompressedFlag) != 0) {
    if (qcow2::entry_copied(entry)) {
      throw_damaged(name_, at, "an entry says that nothing else uses a cluster of compressed data");
    }
    if (bits != 0) throw_damaged(name_, at, "a compressed cluster has subclusters");
  } else if ((entry & qcow2::kReservedOfL2) != 0) {
    throw_damaged(name_, at, "an entry has bits that must be zeros");
  }
}

std::uint64_t ImageTables::table_reach() const {
  // At most 2^18 entries of 2 MiB.
  return geometry_.l2_entries() << geometry_.cluster_bits;
}

void ImageTables::unallocated(GuestRange range) {
  if (header_.backing_file_name) {
    content_.below(range);
  } else {
    content_.zeros(range);
  }
}

// The part of it that is of the disk.
GuestRange ImageTables::of_disk(std::uint64_t begin, std::uint64_t end) const {
  begin = std::min(begin, header_.virtual_size);
  return {GuestOffset(begin), std::min(end, header_.virtual_size) - begin};
}

// What the rest of a table maps, or the rest of what is no table is.
GuestRange ImageTables::range_of(const Reference& reference, HostOffset from) const {
  const std::uint64_t guest = reference.guest.value();
  const std::uint64_t done = from - reference.host.begin;
  const std::uint64_t clusters = reference.host.length >> geometry_.cluster_bits;
  switch (reference.kind) {
    case Kind::kL1Table:
      return of_disk(done / kEntrySize * table_reach(), l1_used_ * table_reach());
    case Kind::kL2Table:
      return of_disk(guest + (done / geometry_.l2_entry_size() << geometry_.cluster_bits),
                     guest + clusters * table_reach());
    case Kind::kCompressed:
      return of_disk(guest, guest + geometry_.cluster_size());
    case Kind::kData:
      return of_disk(guest + done, guest + reference.host.length);
    default:
      return {};
  }
}

void ImageTables::lose(const Reference& reference, HostOffset from, const std::string& reason) {
  const std::uint64_t done = from - reference.host.begin;
  if (reference.kind == Kind::kL1Table) l1_left_ = 0;
  if (reference.kind == Kind::kL2Table) {
    l2_left_ -= div_up(reference.host.length - done, geometry_.cluster_size());
  }
  const GuestRange range = range_of(reference, from);
  if (range.length > 0) content_.lost(range, from, reason);
}

void ImageTables::begin() {
  refer_({.host = {HostOffset(0), geometry_.cluster_size()}, .kind = Kind::kReserved});
  const std::uint64_t refcount_bytes = header_.refcount_table_clusters << geometry_.cluster_bits;
  if (refcount_bytes > 0) {
    refer_({.host = {header_.refcount_table_offset, refcount_bytes}, .kind = Kind::kRefcountTable});
  }
  if (header_.l1_entries > 0) begin_l1();
  const std::uint64_t mapped = l1_used_ * table_reach();
  if (mapped < header_.virtual_size) {
    unallocated({GuestOffset(mapped), header_.virtual_size - mapped});
  }
}

void ImageTables::begin_l1() {
  const HostRange table{header_.l1_offset, header_.l1_entries * kEntrySize};
  const Reference reference{.host = table, .kind = Kind::kL1Table};
  if (table.begin.value() < geometry_.cluster_size()) {
    return lose(reference, table.begin, "its L1 table lies in its header");
  }
  refer_(reference);
  // The rest of its last cluster is nobody's.
  const std::uint64_t padding = align_up(table.length, geometry_.cluster_size()) - table.length;
  if (padding > 0) refer_({.host = {table.end(), padding}, .kind = Kind::kPadding});
}

void ImageTables::read(const Reference& reference, HostOffset at,
                       std::span<const std::byte> bytes) {
  const std::uint64_t done = at - reference.host.begin;
  switch (reference.kind) {
    case Kind::kL1Table:
      return read_l1(done / kEntrySize, bytes);
    case Kind::kL2Table:
      return read_l2(reference, at, bytes);
    case Kind::kRefcountTable:
      return read_refcount_table(done / kEntrySize, bytes);
    default:
      return;
  }
}

void ImageTables::read_l1(std::uint64_t index, std::span<const std::byte> bytes) {
  for (; !bytes.empty() && index < l1_read_; bytes = bytes.subspan(kEntrySize), ++index) {
    --l1_left_;
    const GuestOffset guest(index * table_reach());
    const GuestRange range = of_disk(guest.value(), guest.value() + table_reach());
    const auto entry = load_big<std::uint64_t>(bytes.data());
    const HostOffset table = qcow2::entry_offset(entry);
    if (for_counts_ && (entry & qcow2::kReservedOfL1) != 0) {
      throw_damaged(name_, header_.l1_offset + index * kEntrySize,
                    "an entry has bits that must be zeros");
    }
    if (table.value() == 0) {
      if (range.length > 0) unallocated(range);
      continue;
    }
    if (table.value() % geometry_.cluster_size() != 0) {
      content_.lost(range, header_.l1_offset + index * kEntrySize,
                    fmt::format("an L2 table begins at {}, amid a cluster", table.value()));
      continue;
    }
    ++l2_left_;
    refer_({.host = {table, geometry_.cluster_size()},
            .guest = guest,
            .kind = Kind::kL2Table,
            .claim = claim_of(entry)});
  }
}

void ImageTables::read_l2(const Reference& reference, HostOffset at,
                          std::span<const std::byte> bytes) {
  const std::uint64_t entry_size = geometry_.l2_entry_size();
  for (; bytes.size() >= entry_size; bytes = bytes.subspan(entry_size), at += entry_size) {
    const std::uint64_t done = at - reference.host.begin;
    if ((done + entry_size) % geometry_.cluster_size() == 0) --l2_left_;
    const std::uint64_t guest =
        reference.guest.value() + (done / entry_size << geometry_.cluster_bits);
    const auto entry = load_big<std::uint64_t>(bytes.data());
    if (for_counts_) {
      check_strictly(entry, geometry_.extended_l2 ? load_big<std::uint64_t>(&bytes[8]) : 0, at);
    }
    if (guest >= header_.virtual_size) {
      if (for_counts_) refer_behind_disk(entry);
      continue;
    }
    const GuestRange range{GuestOffset(guest),
                           std::min(geometry_.cluster_size(), header_.virtual_size - guest)};
    if ((entry & qcow2::kCompressedFlag) != 0) {
      refer_to_compressed(range, entry);
    } else if (geometry_.extended_l2) {
      refer_to_subclusters(range, entry, load_big<std::uint64_t>(bytes.data() + 8), at);
    } else {
      refer_to_cluster(range, entry, at);
    }
  }
}

// QEMU: qcow2_get_host_offset() refuses such an entry, whatever it is.
bool ImageTables::is_amid_another(std::uint64_t entry) const {
  return qcow2::entry_offset(entry).value() % geometry_.cluster_size() != 0;
}

void ImageTables::refer_to_cluster(GuestRange range, std::uint64_t entry, HostOffset at) {
  const HostOffset host = qcow2::entry_offset(entry);
  if (geometry_.version == 2 && (entry & qcow2::kZeroEntry) != 0) {
    return content_.lost(range, at, "a cluster is of zeros, unknown to version 2");
  }
  if (is_amid_another(entry)) {
    return content_.lost(range, at,
                         fmt::format("a cluster begins at {}, amid another", host.value()));
  }
  switch (qcow2::entry_kind(entry, false)) {
    case EntryKind::kData:
      refer_({.host = {host, range.length},
              .guest = range.begin,
              .kind = Kind::kData,
              .claim = claim_of(entry)});
      return;
    case EntryKind::kZeros:
      if (host.value() != 0) reserve(entry);
      content_.zeros(range);
      return;
    default:
      unallocated(range);
  }
}

void ImageTables::refer_to_subclusters(GuestRange range, std::uint64_t entry, std::uint64_t bits,
                                       HostOffset at) {
  const HostOffset host = qcow2::entry_offset(entry);
  if (is_amid_another(entry)) {
    return content_.lost(range, at,
                         fmt::format("a cluster begins at {}, amid another", host.value()));
  }
  if (host.value() != 0) reserve(entry);
  const std::uint64_t size = geometry_.cluster_size() >> qcow2::kSubclusterBits;
  const std::uint64_t count = div_up(range.length, size);
  for (unsigned i = 0; i < count;) {
    const EntryKind kind = qcow2::subcluster_kind(entry, bits, i, false);
    unsigned end = i + 1;
    while (end < count && qcow2::subcluster_kind(entry, bits, end, false) == kind) ++end;
    const GuestRange part = range.without_first(i * size).first((end - i) * size);
    if (kind == EntryKind::kData) {
      refer_({.host = {host + i * size, part.length}, .guest = part.begin, .kind = Kind::kData});
    } else if (kind == EntryKind::kZeros) {
      content_.zeros(part);
    } else if (kind == EntryKind::kInvalid) {
      content_.lost(part, at, "the subclusters of a cluster are and are not there");
    } else {
      unallocated(part);
    }
    i = end;
  }
}

void ImageTables::refer_to_compressed(GuestRange range, std::uint64_t entry) {
  refer_({.host = qcow2::decode_compressed_entry(entry, geometry_.cluster_bits),
          .guest = range.begin,
          .kind = Kind::kCompressed});
}

// The whole cluster of an entry that is not compressed.
void ImageTables::reserve(std::uint64_t entry) {
  refer_({.host = {qcow2::entry_offset(entry), geometry_.cluster_size()},
          .kind = Kind::kReserved,
          .claim = claim_of(entry)});
}

// Of an entry for what is no part of the disk, such as the state of a machine.
void ImageTables::refer_behind_disk(std::uint64_t entry) {
  if ((entry & qcow2::kCompressedFlag) != 0) {
    refer_({.host = qcow2::decode_compressed_entry(entry, geometry_.cluster_bits),
            .kind = Kind::kReserved});
  } else if (qcow2::entry_offset(entry).value() != 0) {
    reserve(entry);
  }
}

void ImageTables::read_refcount_table(std::uint64_t index, std::span<const std::byte> bytes) {
  for (; !bytes.empty(); bytes = bytes.subspan(kEntrySize), ++index) {
    const auto entry = load_big<std::uint64_t>(bytes.data());
    const HostOffset block = qcow2::entry_offset(entry);
    // QEMU: check_refblocks().
    if (for_counts_ && (entry != block.value() || entry % geometry_.cluster_size() != 0)) {
      throw_damaged(name_, header_.refcount_table_offset + index * kEntrySize,
                    "an entry of the refcount table makes no sense");
    }
    // Whoever only reads the disk needs no counts, as QEMU does not.
    if (block.value() == 0 || block.value() % geometry_.cluster_size() != 0) continue;
    refer_({.host = {block, geometry_.cluster_size()},
            .guest = GuestOffset(index * geometry_.refcounts_per_block()),
            .kind = Kind::kRefcountBlock});
  }
}

}  // namespace qcow2stream
