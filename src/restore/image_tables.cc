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
                         std::function<void(const Reference&)> refer)
    : header_(header),
      geometry_(header.geometry),
      name_(std::move(name)),
      content_(content),
      refer_(std::move(refer)),
      l1_used_(std::min(header.l1_entries, div_up(header.virtual_size, table_reach()))),
      l1_left_(l1_used_) {}

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

void ImageTables::begin() {
  refer_({.host = {HostOffset(0), geometry_.cluster_size()}, .kind = Kind::kReserved});
  const std::uint64_t refcount_bytes = header_.refcount_table_clusters << geometry_.cluster_bits;
  if (refcount_bytes > 0) {
    refer_({.host = {header_.refcount_table_offset, refcount_bytes}, .kind = Kind::kRefcountTable});
  }
  if (header_.l1_entries > 0) {
    if (header_.l1_offset.value() < geometry_.cluster_size()) {
      throw_damaged(name_, header_.l1_offset, "its L1 table lies in its header");
    }
    const HostRange table{header_.l1_offset, header_.l1_entries * kEntrySize};
    refer_({.host = table, .kind = Kind::kL1Table});
    // The rest of its last cluster is nobody's.
    const std::uint64_t padding = align_up(table.length, geometry_.cluster_size()) - table.length;
    if (padding > 0) refer_({.host = {table.end(), padding}, .kind = Kind::kPadding});
  }
  const std::uint64_t mapped = l1_used_ * table_reach();
  if (mapped < header_.virtual_size) {
    unallocated({GuestOffset(mapped), header_.virtual_size - mapped});
  }
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
  for (; !bytes.empty() && index < l1_used_; bytes = bytes.subspan(kEntrySize), ++index) {
    --l1_left_;
    const GuestOffset guest(index * table_reach());
    const HostOffset table = qcow2::entry_offset(load_big<std::uint64_t>(bytes.data()));
    if (table.value() == 0) {
      unallocated({guest, std::min(table_reach(), header_.virtual_size - guest.value())});
      continue;
    }
    if (table.value() % geometry_.cluster_size() != 0) {
      throw_damaged(name_, header_.l1_offset + index * kEntrySize,
                    fmt::format("an L2 table begins at {}, amid a cluster", table.value()));
    }
    ++l2_left_;
    refer_({.host = {table, geometry_.cluster_size()}, .guest = guest, .kind = Kind::kL2Table});
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
    if (guest >= header_.virtual_size) continue;
    const GuestRange range{GuestOffset(guest),
                           std::min(geometry_.cluster_size(), header_.virtual_size - guest)};
    const auto entry = load_big<std::uint64_t>(bytes.data());
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
void ImageTables::check_offset(std::uint64_t entry, HostOffset at) const {
  const std::uint64_t offset = qcow2::entry_offset(entry).value();
  if (offset % geometry_.cluster_size() != 0) {
    throw_damaged(name_, at, fmt::format("a cluster begins at {}, amid another", offset));
  }
}

void ImageTables::refer_to_cluster(GuestRange range, std::uint64_t entry, HostOffset at) {
  if (geometry_.version == 2 && (entry & qcow2::kZeroEntry) != 0) {
    throw_damaged(name_, at, "a cluster is of zeros, unknown to version 2");
  }
  check_offset(entry, at);
  const HostOffset host = qcow2::entry_offset(entry);
  switch (qcow2::entry_kind(entry, false)) {
    case EntryKind::kData:
      refer_({.host = {host, range.length}, .guest = range.begin, .kind = Kind::kData});
      return;
    case EntryKind::kZeros:
      if (host.value() != 0) {
        refer_({.host = {host, geometry_.cluster_size()}, .kind = Kind::kReserved});
      }
      content_.zeros(range);
      return;
    default:
      unallocated(range);
  }
}

void ImageTables::refer_to_subclusters(GuestRange range, std::uint64_t entry, std::uint64_t bits,
                                       HostOffset at) {
  check_offset(entry, at);
  const HostOffset host = qcow2::entry_offset(entry);
  if (host.value() != 0) {
    refer_({.host = {host, geometry_.cluster_size()}, .kind = Kind::kReserved});
  }
  const std::uint64_t size = geometry_.cluster_size() >> qcow2::kSubclusterBits;
  const std::uint64_t count = div_up(range.length, size);
  for (unsigned i = 0; i < count;) {
    const EntryKind kind = qcow2::subcluster_kind(entry, bits, i, false);
    if (kind == EntryKind::kInvalid) {
      throw_damaged(name_, at, "the subclusters of a cluster are and are not there");
    }
    unsigned end = i + 1;
    while (end < count && qcow2::subcluster_kind(entry, bits, end, false) == kind) ++end;
    const GuestRange part = range.without_first(i * size).first((end - i) * size);
    if (kind == EntryKind::kData) {
      refer_({.host = {host + i * size, part.length}, .guest = part.begin, .kind = Kind::kData});
    } else if (kind == EntryKind::kZeros) {
      content_.zeros(part);
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

void ImageTables::read_refcount_table(std::uint64_t index, std::span<const std::byte> bytes) {
  for (; !bytes.empty(); bytes = bytes.subspan(kEntrySize), ++index) {
    const HostOffset block = qcow2::entry_offset(load_big<std::uint64_t>(bytes.data()));
    // Whoever only reads the disk needs no counts, as QEMU does not.
    if (block.value() == 0 || block.value() % geometry_.cluster_size() != 0) continue;
    refer_({.host = {block, geometry_.cluster_size()},
            .guest = GuestOffset(index * geometry_.refcounts_per_block()),
            .kind = Kind::kRefcountBlock});
  }
}

}  // namespace qcow2stream
