// SPDX-License-Identifier: GPL-2.0-or-later

#include "layout/bitmap_layout.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "base/endian.h"

namespace qcow2stream {
namespace {

using BitsKind = qcow2::BitmapCluster::Kind;

constexpr std::uint64_t kBitmapEntrySize = 8;  // bytes, in the table of a bitmap

}  // namespace

BitmapLayout::BitmapLayout(std::shared_ptr<const CarriedBitmaps> bitmaps,
                           const qcow2::Geometry& geometry)
    : source_(std::move(bitmaps)), geometry_(geometry) {
  if (source_ == nullptr || source_->list.empty()) return;
  for (const CarriedBitmap& bitmap : source_->list) {
    directory_bytes_ += qcow2::bitmap_entry_size(bitmap.name);
  }
  ClusterCount at = geometry_.clusters_for(directory_bytes_);
  tables_ = at;
  for (const CarriedBitmap& bitmap : source_->list) {
    Placed placed{.table = at};
    std::uint64_t entries = 0;
    for (const CarriedBitmap::Run& run : bitmap.runs) {
      assert(run.clusters > 0 && run.kind != BitsKind::kInvalid);
      placed.runs.push_back({.kind = run.kind, .first = entries, .end = entries + run.clusters});
      entries += run.clusters;
    }
    at += geometry_.clusters_for(entries * kBitmapEntrySize);
    bitmaps_.push_back(std::move(placed));
  }
  bits_ = at;
  for (Placed& placed : bitmaps_) {
    placed.bits = at;
    for (PlacedRun& run : placed.runs) {
      run.stored = at;
      if (run.kind == BitsKind::kStored) at += run.end - run.first;
    }
  }
  clusters_ = at;
}

std::vector<std::byte> BitmapLayout::directory(HostOffset begin) const {
  std::vector<qcow2::Bitmap> entries;
  for (std::size_t i = 0; i < bitmaps_.size(); ++i) {
    const CarriedBitmap& bitmap = source_->list[i];
    entries.push_back({.table_offset = begin + (bitmaps_[i].table << geometry_.cluster_bits),
                       .table_entries = bitmaps_[i].entries(),
                       .is_active = bitmap.is_active,
                       .granularity_bits = bitmap.granularity_bits,
                       .name = bitmap.name});
  }
  return qcow2::encode_bitmap_directory(entries);
}

BitmapLayout::Piece BitmapLayout::piece_at(std::uint64_t offset) const {
  const ClusterCount cluster = offset >> geometry_.cluster_bits;
  assert(cluster < clusters_);
  if (cluster < tables_) {
    return {.kind = Piece::Kind::kDirectory,
            .at = offset,
            .length = (tables_ << geometry_.cluster_bits) - offset};
  }
  const std::uint64_t in_cluster = offset % geometry_.cluster_size();
  return cluster < bits_ ? table_piece(cluster, in_cluster) : bits_piece(cluster, in_cluster);
}

BitmapLayout::Piece BitmapLayout::table_piece(ClusterCount cluster,
                                              std::uint64_t in_cluster) const {
  const auto next = std::ranges::upper_bound(bitmaps_, cluster, {}, &Placed::table);
  const ClusterCount end = next == bitmaps_.end() ? bits_ : next->table;
  const Placed& bitmap = *(next - 1);
  const std::uint64_t at = ((cluster - bitmap.table) << geometry_.cluster_bits) + in_cluster;
  return {.kind = Piece::Kind::kTable,
          .bitmap = static_cast<std::size_t>(&bitmap - bitmaps_.data()),
          .at = at,
          .length = ((end - bitmap.table) << geometry_.cluster_bits) - at};
}

BitmapLayout::Piece BitmapLayout::bits_piece(ClusterCount cluster, std::uint64_t in_cluster) const {
  // Of bitmaps that begin at the same cluster, only the last has bits there.
  const Placed& bitmap = *(std::ranges::upper_bound(bitmaps_, cluster, {}, &Placed::bits) - 1);
  const auto next = std::ranges::upper_bound(bitmap.runs, cluster, {}, &PlacedRun::stored);
  const auto run = next - 1;
  assert(run->kind == BitsKind::kStored && cluster - run->stored < run->end - run->first);
  const std::uint64_t in_run = cluster - run->stored;
  return {.kind = Piece::Kind::kBits,
          .bitmap = static_cast<std::size_t>(&bitmap - bitmaps_.data()),
          .at = ((run->first + in_run) << geometry_.cluster_bits) + in_cluster,
          .length = ((run->end - run->first - in_run) << geometry_.cluster_bits) - in_cluster};
}

void BitmapLayout::fill_table(std::size_t bitmap, std::uint64_t first, HostOffset begin,
                              std::span<std::byte> out) const {
  const Placed& placed = bitmaps_[bitmap];
  const std::uint64_t end = std::min(first + out.size() / kBitmapEntrySize, placed.entries());
  auto run = std::ranges::upper_bound(placed.runs, first, {}, &PlacedRun::end);
  for (std::uint64_t i = first; i < end; ++i) {
    if (i == run->end) ++run;
    const ClusterCount cluster = run->stored + (i - run->first);
    const qcow2::BitmapCluster entry{.kind = run->kind,
                                     .offset = begin + (cluster << geometry_.cluster_bits)};
    store_big(&out[(i - first) * kBitmapEntrySize], qcow2::encode_bitmap_cluster(entry));
  }
}

}  // namespace qcow2stream
