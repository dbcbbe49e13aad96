// SPDX-License-Identifier: GPL-2.0-or-later

#include "image/metadata.h"

#include <algorithm>
#include <array>
#include <cassert>

#include "base/bits.h"
#include "base/endian.h"
#include "qcow2/entries.h"
#include "qcow2/refcounts.h"

namespace qcow2stream {
namespace {

// Regions are whole clusters and clusters are whole blocks, so the generators see whole entries
// only; generate() cuts.
constexpr std::uint64_t kBlock = 512;
constexpr std::uint64_t kEntrySize = 8;  // bytes; an extended L2 entry has two words of this size

}  // namespace

Metadata::Metadata(const Layout& layout)
    : layout_(layout), header_(qcow2::encode_header(layout.header())) {}

void Metadata::generate(HostOffset offset, std::span<std::byte> out) const {
  const Region& region = layout_.region_at(offset);
  assert(out.size() <= region.range.end() - offset);
  assert(region.kind != RegionKind::kBitmaps && region.kind != RegionKind::kDataClusters);
  assert(region.kind != RegionKind::kCompressedClusters);
  std::uint64_t at = offset - region.range.begin;
  while (!out.empty()) {
    std::uint64_t n = align_down(out.size(), kBlock);
    if (at % kBlock == 0 && n > 0) {
      generate_blocks(region, at, out.first(n));
    } else {
      std::array<std::byte, kBlock> block{};
      const std::uint64_t skip = at % kBlock;
      n = std::min<std::uint64_t>(kBlock - skip, out.size());
      generate_blocks(region, at - skip, block);
      std::ranges::copy(std::span(block).subspan(skip, n), out.begin());
    }
    at += n;
    out = out.subspan(n);
  }
}

void Metadata::generate_blocks(const Region& region, std::uint64_t at,
                               std::span<std::byte> out) const {
  std::ranges::fill(out, std::byte{0});
  switch (region.kind) {
    case RegionKind::kHeader:
      return header(at, out);
    case RegionKind::kRefcountTable:
      return refcount_table(at, out);
    case RegionKind::kRefcountBlocks:
      return refcount_blocks(at, out);
    case RegionKind::kL1Table:
      return l1_table(at, out);
    case RegionKind::kL2Tables:
      return l2_tables(at, out);
    case RegionKind::kBitmaps:
    case RegionKind::kDataClusters:
    case RegionKind::kZeroClusters:
    case RegionKind::kCompressedClusters:
    case RegionKind::kRootTrailer:
      return;
  }
}

void Metadata::header(std::uint64_t at, std::span<std::byte> out) const {
  if (at >= header_.size()) return;
  const std::uint64_t n = std::min<std::uint64_t>(out.size(), header_.size() - at);
  std::ranges::copy(std::span(header_).subspan(at, n), out.begin());
}

void Metadata::refcount_table(std::uint64_t at, std::span<std::byte> out) const {
  const std::uint64_t first = at / kEntrySize;
  const std::uint64_t end =
      std::min(first + out.size() / kEntrySize, layout_.totals().refcount_blocks);
  for (std::uint64_t i = first; i < end; ++i) {
    store_big(&out[(i - first) * kEntrySize], layout_.refcount_block_offset(i).value());
  }
}

// Every cluster of the image is used once, except those that guest clusters share: the clusters of
// zeros and those that hold compressed clusters. They come last.
void Metadata::refcount_blocks(std::uint64_t at, std::span<std::byte> out) const {
  const unsigned order = layout_.geometry().refcount_order;
  const ClusterTotals& totals = layout_.totals();
  const std::uint64_t first = at * 8 >> order;
  const ClusterCount end = std::min(first + (out.size() * 8 >> order), totals.all());
  const ClusterCount compressed = totals.all() - totals.compressed;
  const ClusterCount zero = compressed - totals.zero;
  qcow2::fill_with_ones(out, order, zero > first ? zero - first : 0);
  for (ClusterCount i = std::max(first, zero); i < std::min(end, compressed); ++i) {
    qcow2::set_refcount(out, order, i - first, layout_.zero_references(i - zero));
  }
  const ClusterCount from = std::max(first, compressed);
  if (from >= end) return;
  std::vector<std::uint64_t> references(end - from);
  layout_.compressed().count_references(from - compressed, references);
  for (std::uint64_t i = 0; i < references.size(); ++i) {
    qcow2::set_refcount(out, order, from - first + i, references[i]);
  }
}

void Metadata::l1_table(std::uint64_t at, std::span<std::byte> out) const {
  const ClusterMap& map = layout_.map();
  const std::uint64_t first = at / kEntrySize;
  if (first >= layout_.l1_entries()) return;
  const std::uint64_t end = std::min(first + out.size() / kEntrySize, layout_.l1_entries());
  std::uint64_t rank = map.l2_tables_before(first);
  for (std::uint64_t i = map.next_l2_table(first); i < end; i = map.next_l2_table(i + 1)) {
    store_big(&out[(i - first) * kEntrySize], qcow2::encode_entry(layout_.l2_table_offset(rank++)));
  }
}

// Where a walk through L2 entries stands: the next cluster of each kind has this rank.
struct Metadata::L2Position {
  ClusterCount data;
  ClusterCount zero;
  CompressedLayout::Cursor compressed;
};

void Metadata::l2_tables(std::uint64_t at, std::span<std::byte> out) const {
  const ClusterMap& map = layout_.map();
  const std::uint64_t table_size = layout_.geometry().cluster_size();
  const std::uint64_t entry_size = layout_.geometry().l2_entry_size();
  std::uint64_t l1_index = map.nth_l2_table(at / table_size);
  std::uint64_t in_table = at % table_size;
  const GuestCluster first = std::min(map.table_begin(l1_index) + in_table / entry_size, map.end());
  L2Position position{
      .data = map.before(ClusterKind::kData, first),
      .zero = map.before(ClusterKind::kZero, first),
      .compressed = layout_.compressed().at_rank(map.before(ClusterKind::kCompressed, first))};
  while (!out.empty()) {
    const std::uint64_t n = std::min<std::uint64_t>(table_size - in_table, out.size());
    l2_table(l1_index, in_table / entry_size, position, out.first(n));
    out = out.subspan(n);
    if (!out.empty()) l1_index = map.next_l2_table(l1_index + 1);
    in_table = 0;
  }
}

void Metadata::l2_table(std::uint64_t l1_index, std::uint64_t first_entry, L2Position& position,
                        std::span<std::byte> out) const {
  const ClusterMap& map = layout_.map();
  const std::uint64_t entry_size = layout_.geometry().l2_entry_size();
  const GuestCluster begin = map.table_begin(l1_index) + first_entry;
  const GuestCluster end = std::min(begin + out.size() / entry_size, map.end());
  for (GuestCluster at = begin; at < end;) {
    at = map.next_mapped(at);
    if (at >= end) return;
    const ClusterKind kind = *map.kind_of(at);
    for (const GuestCluster run_end = std::min(map.next_other(kind, at), end); at < run_end;
         at += 1) {
      std::byte* entry = &out[(at - begin) * entry_size];
      store_big(entry, next_l2_entry(kind, at, position));
      if (layout_.geometry().extended_l2) store_big(entry + kEntrySize, map.subclusters(at));
    }
  }
}

std::uint64_t Metadata::next_l2_entry(ClusterKind kind, GuestCluster cluster,
                                      L2Position& position) const {
  const qcow2::Geometry& geometry = layout_.geometry();
  switch (kind) {
    case ClusterKind::kData:
      if (layout_.external_data()) return qcow2::encode_data_file_entry(geometry.offset(cluster));
      return qcow2::encode_entry(layout_.data_offset(position.data++));
    case ClusterKind::kCompressed: {
      const std::uint64_t entry =
          qcow2::encode_compressed_entry(layout_.compressed_begin() + position.compressed.offset(),
                                         position.compressed.size(), geometry.cluster_bits);
      position.compressed.next();
      return entry;
    }
    case ClusterKind::kZero:
      // In an extended entry the bits of the subclusters say that they are zeros.
      if (geometry.extended_l2) return qcow2::kUnallocatedEntry;
      if (geometry.version >= 3) return qcow2::kZeroEntry;
      return next_shared_zero_entry(position);
  }
  return qcow2::kUnallocatedEntry;
}

// Only the last of the shared clusters can have a single reference, and so be marked as copied.
std::uint64_t Metadata::next_shared_zero_entry(L2Position& position) const {
  const ClusterCount rank = position.zero++;
  const HostOffset offset = layout_.zero_offset(rank);
  const ClusterCount number = (offset - layout_.zero_offset(0)) >> layout_.geometry().cluster_bits;
  const bool alone = layout_.zero_references(number) == 1;
  return alone ? qcow2::encode_entry(offset) : qcow2::encode_shared_entry(offset);
}

}  // namespace qcow2stream
