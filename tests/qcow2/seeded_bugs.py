# SPDX-License-Identifier: GPL-2.0-or-later
"""Bugs that somebody could make in the reader of qcow2 images; tests/by-hand/seeded-bugs puts each in.

The old text stands once in its file.
"""

import collections

Bug = collections.namedtuple("Bug", ["name", "file", "old", "new"])

ENTRIES = "src/qcow2/entries.h"
HEADER = "src/qcow2/header_reading.cc"
BITMAPS = "src/qcow2/bitmaps.cc"
SNAPSHOTS = "src/qcow2/snapshots.cc"
TABLES = "src/disk/qcow2/tables.cc"
CHAIN = "src/disk/qcow2/chain.cc"
OPEN = "src/disk/qcow2/open_qcow2.cc"
QUEUE = "src/disk/parts_queue.cc"
CLUSTERS = "src/disk/qcow2/compressed_clusters.cc"
IMAGE = "src/disk/qcow2/image_file.cc"
DISK = "src/disk/qcow2/qcow2_disk.cc"
MARKS = "src/disk/qcow2/dirty_bitmaps.cc"

BUGS = [Bug(*fields) for fields in [
    # Entries.
    ("blob-offset-too-narrow", ENTRIES, "entry & ((1ULL << offset_bits) - 1);",
     "entry & ((1ULL << (offset_bits - 1)) - 1);"),
    ("blob-one-sector-short", ENTRIES, "(more_sectors + 1) * kSectorSize - offset % kSectorSize}",
     "more_sectors * kSectorSize + kSectorSize - 2 * (offset % kSectorSize)}"),
    ("blob-bits-off-by-one", ENTRIES,
     "  const unsigned offset_bits = 62 - (cluster_bits - 8);\n  const std::uint64_t offset = entry",
     "  const unsigned offset_bits = 61 - (cluster_bits - 8);\n  const std::uint64_t offset = entry"),
    ("zero-flag-ignored", ENTRIES, "if ((entry & kZeroEntry) != 0) return EntryKind::kZeros;",
     "if (entry == kZeroEntry) return EntryKind::kZeros;"),
    ("data-file-cluster-0-unallocated", ENTRIES,
     "return has_data_file && entry_copied(entry) ? EntryKind::kData : EntryKind::kUnallocated;",
     "return has_data_file && false ? EntryKind::kData : EntryKind::kUnallocated;"),
    ("subclusters-both-bits-taken", ENTRIES,
     "if ((bits >> kSubclusters & allocated) != 0) return EntryKind::kInvalid;", ""),
    ("subclusters-without-cluster-taken", ENTRIES,
     "if (!has_cluster && allocated != 0) return EntryKind::kInvalid;", ""),
    ("subcluster-zero-bit-next", ENTRIES, "(bits >> (kSubclusters + index) & 1) != 0",
     "(bits >> (kSubclusters + (index ^ 1)) & 1) != 0"),
    # The header.
    ("l1-short-by-one-taken", HEADER,
     "if (header_.l1_entries < div_up(header_.virtual_size, in_l1_entry)) {",
     "if (header_.l1_entries < header_.virtual_size / in_l1_entry) {"),
    ("refcount-order-unchecked", HEADER, "if (header_.geometry.refcount_order > kMaxRefcountOrder) {",
     "if (header_.geometry.refcount_order > 10 * kMaxRefcountOrder) {"),
    ("extension-padding-forgotten", HEADER, "at += align_up(length, 8);", "at += length;"),
    ("extension-length-unchecked", HEADER,
     'if (length > end - at) bad("an extension of its header is longer than the room for it");', ""),
    ("header-length-unchecked", HEADER,
     'if (length > header_.geometry.cluster_size()) bad("its header is longer than a cluster");', ""),
    ("compression-type-always-deflate", HEADER, "if (length > kCompressionTypeAt && bytes_.size()",
     "if (length > 2 * kCompressionTypeAt && bytes_.size()"),
    ("compression-bit-unchecked", HEADER,
     "if (flagged != (header_.compression_type != kCompressionDeflate)) {",
     "if (flagged && header_.compression_type == kCompressionDeflate) {"),
    ("table-alignment-unchecked", HEADER,
     "if (wraps || offset.value() % header_.geometry.cluster_size() != 0) {", "if (wraps) {"),
    ("unknown-features-passed-over", HEADER,
     "std::uint64_t unknown = header_.incompatible_features & ~kKnownIncompatible;",
     "std::uint64_t unknown = header_.incompatible_features & ~kKnownIncompatible & 0xff;"),
    ("backing-name-one-short", HEADER, "const auto name = bytes_.subspan(offset, length);",
     "const auto name = bytes_.subspan(offset - 1, length);"),
    ("version-2-reads-features", HEADER, "header_.geometry.version == 3 ? read_version_3()",
     "header_.geometry.version >= 2 && bytes_.size() > 111 ? read_version_3()"),
    # Tables.
    ("table-index-not-wrapped", TABLES,
     "const std::uint64_t index = geometry_.cluster(range.begin).value() % geometry_.l2_entries();",
     "const std::uint64_t index = geometry_.cluster(range.begin).value() % "
     "(geometry_.l2_entries() * 2);"),
    ("piece-of-another-offset", TABLES, "const std::size_t in_piece = first.value() % piece_size_;",
     "const std::size_t in_piece = first.value() % kSmallestPiece;"),
    ("l2-run-joins-other-places", TABLES,
     "return next.kind != EntryKind::kData || next.offset == extent.offset + extent.range.length;",
     "return true;"),
    ("l2-table-alignment-unchecked", TABLES, "if (table.value() % geometry_.cluster_size() != 0) {",
     "if (table.value() % 512 != 0) {"),
    ("l2-table-end-unchecked", TABLES,
     "if (!is_in_file(table, lost_ == nullptr ? geometry_.cluster_size() : 1, file_)) {",
     "if (!is_in_file(table, 1, file_)) {"),
    ("data-alignment-unchecked", TABLES, "if (offset % geometry_.cluster_size() != 0) {\n    return fmt",
     "if (offset % 512 != 0) {\n    return fmt"),
    ("data-behind-end-taken", TABLES, "if (kind == EntryKind::kData && offset >= data_.size()) {",
     "if (kind == EntryKind::kData && offset > data_.size() << 20) {"),
    ("zero-flag-in-version-2", TABLES, "if (geometry_.version == 2 && has_zero_flag)",
     "if (geometry_.version == 1 && has_zero_flag)"),
    ("compressed-in-data-file", TABLES,
     'if (has_data_file_) return "it is compressed, which it cannot be with a data file";', ""),
    ("data-file-offset-unchecked", TABLES, "has_cluster && offset != position.cluster.value()",
     "has_cluster && offset < position.cluster.value()"),
    ("data-file-offset-of-no-subcluster", TABLES,
     "(geometry_.extended_l2 && qcow2::entry_copied(position.entry))", "false"),
    ("blob-far-behind-end-taken", TABLES,
     "if (blob.length >= file_end - blob.begin.value() + geometry_.cluster_size()) {",
     "if (blob.length >= file_end - blob.begin.value() + 4 * geometry_.cluster_size()) {"),
    ("unallocated-l1-run-too-long", TABLES, "const std::uint64_t end = (index + n) * geometry_.l2",
     "const std::uint64_t end = (index + n + 1) * geometry_.l2"),
    ("subclusters-alike-one-more", TABLES, "unsigned next = subcluster_of(in_cluster) + 1;",
     "unsigned next = subcluster_of(in_cluster) + 2;"),
    ("data-not-from-within-cluster", TABLES,
     "qcow2::entry_offset(position.entry) + (position.range.begin - position.cluster);",
     "qcow2::entry_offset(position.entry);"),
    ("end-of-file-not-cut", TABLES, "part.range = part.range.first(end - part.offset.value());",
     "part.range = part.range.first(align_up(end - part.offset.value(), 512));"),
    # Chains.
    ("shorter-backing-file-goes-on", CHAIN, "    if (range.begin.value() >= image.disk_size()) {",
     "    if (i == 0 && range.begin.value() >= image.disk_size()) {"),
    ("raw-backing-end-forgotten", CHAIN, ".range = range.first(bottom->size() - range.begin.value()),",
     ".range = range,"),
    ("extent-of-before-kept", CHAIN,
     "last.range.begin <= range.begin && range.begin < last.range.end();",
     "last.range.begin <= range.begin && range.begin <= last.range.end() && last.range.length > 0;"),
    ("part-offset-from-the-extent", CHAIN,
     "GuestOffset(extent.offset.value() + (range.begin - extent.range.begin));",
     "GuestOffset(extent.offset.value());"),
    ("backing-relative-to-here", OPEN, "return behind.substr(0, behind.rfind('/') + 1) + backing;",
     "return backing;"),
    ("guessed-format-taken", OPEN, "if (!format) magic = image_magic(*file);", ""),
    ("loop-unnoticed", OPEN, "if (std::ranges::find(seen_, identity) != seen_.end()) {",
     "if (seen_.size() > 1000) {"),
    # Reading.
    ("queue-parts-mixed-up", QUEUE, "      offset += out.size();", "      offset += out.size() & ~511ULL;"),
    ("queue-done-too-early", QUEUE, "if (--requests_[request].parts > 0) return;",
     "if (--requests_[request].parts > 1) return;"),
    ("cluster-cached-by-sector", CLUSTERS, "clusters_.get(extent.blob.begin.value(), [&] {",
     "clusters_.get(extent.blob.begin.value() / 512, [&] {"),
    ("cluster-read-from-its-begin", CLUSTERS, ".subspan(in_cluster, buffer.size())",
     ".subspan(0, buffer.size())"),
    ("cluster-judged-by-its-beginning", CLUSTERS,
     "if (!whole_ && is_prefix && decode_prefix(extent, buffer)) return;",
     "if (!whole_ && is_prefix) return static_cast<void>(decode_prefix(extent, buffer));"),
    ("blob-end-not-zeros", CLUSTERS,
     "const std::uint64_t there = std::min(blob.length, file_.size() - blob.begin.value());",
     "const std::uint64_t there = blob.length;"),
    ("size-rounded-up", IMAGE, "return align_down(bytes, qcow2::kSectorSize);",
     "return align_up(bytes, qcow2::kSectorSize);"),
    ("snapshot-in-todays-size", IMAGE, "has_own ? *snapshot->disk_size : header.virtual_size",
     "has_own && false ? *snapshot->disk_size : header.virtual_size"),
    ("snapshot-table-without-padding", SNAPSHOTS, "at += align_up(*size, kSnapshotAlignment);",
     "at += *size;"),
    ("snapshot-name-one-byte-short", SNAPSHOTS, "snapshot.name.assign(text + id_length, name_length);",
     "snapshot.name.assign(text + id_length, name_length == 0 ? 0 : name_length - 1);"),
    ("snapshot-extra-limit", SNAPSHOTS, "if (extra > kMaxSnapshotExtraBytes) return std::nullopt;", ""),
    ("top-holds-everything", DISK,
     "if (kind == ChainPart::Kind::kBelow) return Run::Holds::kBelow;", ""),
    # Bitmaps.
    ("bitmap-in-use-taken", MARKS,
     "if (bitmap.name == bare && bitmap.in_use) throw_useless(file, quoted(bare), kWhyInUse);", ""),
    ("bitmap-bits-from-the-top", MARKS, ">> i % 8 & 1) != 0;", ">> (7 - i % 8) & 1) != 0;"),
    ("bitmap-entry-reserved-taken", BITMAPS,
     "if ((entry & kTableEntryReserved) != 0 || offset", "if (offset"),
    ("bitmap-flags-unchecked", BITMAPS,
     "if ((flags & ~(kInUse | kActive)) != 0 || type != kDirtyTracking) return false;", ""),
]]
