// SPDX-License-Identifier: GPL-2.0-or-later

#include "disk/qcow2/tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <utility>

#include "base/bits.h"
#include "base/endian.h"
#include "qcow2/unreadable.h"
#include "qcow2stream/error.h"

namespace qcow2stream {
namespace {

using qcow2::EntryKind;

// Tables are read in pieces of this size, those of small clusters in smaller ones, since what lies
// beside a table is data there.
constexpr std::uint64_t kLargestPiece = 64 << 10;
constexpr std::uint64_t kSmallestPiece = 4 << 10;

constexpr std::uint64_t kL1EntrySize = 8;

bool is_in_file(HostOffset offset, std::uint64_t length, const Disk& file) {
  return offset.value() <= file.size() && length <= file.size() - offset.value();
}

Qcow2Extent invalid(GuestRange range, std::string problem) {
  return {.kind = EntryKind::kInvalid, .range = range, .problem = std::move(problem)};
}

}  // namespace

// An L2 entry and the part of its cluster that is asked for.
struct Qcow2Tables::Position {
  std::uint64_t entry = 0;
  std::uint64_t subclusters = 0;  // the second word of an extended entry
  GuestRange range;               // within one cluster
  GuestOffset cluster;            // where that begins
  // Why the entry could not be read; nothing where it could.
  std::optional<std::string> loss;
};

Qcow2Tables::Qcow2Tables(const Disk& file, const Disk& data, const qcow2::Header& header,
                         L1Table l1, std::uint64_t cache_bytes, const LostRanges* lost,
                         bool clusters_end_in_file)
    : file_(file),
      data_(data),
      geometry_(header.geometry),
      has_data_file_((header.incompatible_features & qcow2::kIncompatibleDataFile) != 0),
      l1_(l1),
      lost_(lost),
      clusters_end_in_file_(clusters_end_in_file),
      piece_size_(std::clamp(header.geometry.cluster_size(), kSmallestPiece, kLargestPiece)),
      pieces_(cache_bytes / piece_size_) {
  if (lost_ == nullptr && !is_in_file(l1_.offset, l1_.entries * kL1EntrySize, file_)) {
    qcow2::throw_unreadable(file_.name(), "its L1 table lies behind the end of the file");
  }
}

// The aligned piece of the file that holds the byte at `offset`, which lies in it.
std::shared_ptr<const Qcow2Tables::Piece> Qcow2Tables::piece_at(HostOffset offset) const {
  const std::uint64_t index = offset.value() / piece_size_;
  return pieces_.get(index, [&] {
    const std::uint64_t begin = index * piece_size_;
    Piece piece(std::min(piece_size_, file_.size() - begin));
    file_.read(GuestOffset(begin), piece);
    return piece;
  });
}

// What is lost of these bytes of the tables.
std::optional<std::string> Qcow2Tables::loss_in(HostOffset offset, std::uint64_t length) const {
  if (lost_ == nullptr) return std::nullopt;
  return lost_->reason_in({GuestOffset(offset.value()), length});
}

Qcow2Extent Qcow2Tables::extent_at(GuestRange range) const {
  Qcow2Extent extent = extent_or_damage(range);
  if (extent.kind != EntryKind::kInvalid) return extent;
  throw Error(ErrorKind::kFailed, file_.name(),
              fmt::format("the image is damaged at offset {} of its disk", range.begin.value()),
              extent.problem)
      .at(range.begin.value())
      .about(ErrorSubject::kDisk);
}

Qcow2Extent Qcow2Tables::extent_or_damage(GuestRange range) const {
  const std::uint64_t index = geometry_.cluster(range.begin).value() / geometry_.l2_entries();
  if (index >= l1_.entries) return {.kind = EntryKind::kUnallocated, .range = range};
  const HostOffset at = l1_.offset + index * kL1EntrySize;
  if (!is_in_file(at, kL1EntrySize, file_)) {
    return invalid(range, "its L1 table ends behind the end of the file");
  }
  const auto piece = piece_at(at);
  const std::uint64_t table_end = (index + 1) * geometry_.l2_entries() << geometry_.cluster_bits;
  const GuestRange of_table = range.first(table_end - range.begin.value());
  if (const auto loss = loss_in(at, kL1EntrySize)) {
    return invalid(of_table, "its L1 table cannot be read: " + *loss);
  }
  const HostOffset table =
      qcow2::entry_offset(load_big<std::uint64_t>(piece->data() + at.value() % piece_size_));
  if (table.value() == 0) return extent_without_l2(range, index, *piece);
  if (auto problem = problem_of_l2_table(table, index)) {
    return invalid(of_table, std::move(*problem));
  }
  return extent_in_l2(of_table, table);
}

// As far as this piece of the L1 table tells, there is no L2 table from `index` on.
Qcow2Extent Qcow2Tables::extent_without_l2(GuestRange range, std::uint64_t index,
                                           const Piece& piece) const {
  const HostOffset at = l1_.offset + index * kL1EntrySize;
  const std::size_t in_piece = at.value() % piece_size_;
  const std::uint64_t most =
      std::min((piece.size() - in_piece) / kL1EntrySize, l1_.entries - index);
  std::uint64_t n = 1;
  while (n < most &&
         qcow2::entry_offset(load_big<std::uint64_t>(piece.data() + in_piece + n * kL1EntrySize))
                 .value() == 0 &&
         !loss_in(at + n * kL1EntrySize, kL1EntrySize)) {
    ++n;
  }
  const std::uint64_t end = (index + n) * geometry_.l2_entries() << geometry_.cluster_bits;
  return {.kind = EntryKind::kUnallocated, .range = range.first(end - range.begin.value())};
}

// Of a table that ends behind the end of the file, what there is of it can be salvaged.
std::optional<std::string> Qcow2Tables::problem_of_l2_table(HostOffset table,
                                                            std::uint64_t index) const {
  if (table.value() % geometry_.cluster_size() != 0) {
    return fmt::format(
        "L1 entry {} has the offset {} for its L2 table, which is not that of a cluster", index,
        table.value());
  }
  if (!is_in_file(table, lost_ == nullptr ? geometry_.cluster_size() : 1, file_)) {
    return fmt::format("the L2 table of L1 entry {} lies at {}, behind the end of the file", index,
                       table.value());
  }
  return std::nullopt;
}

// Goes on over the entries of this piece of the table for as long as they go on with the same
// thing. What makes no sense ends it.
Qcow2Extent Qcow2Tables::extent_in_l2(GuestRange range, HostOffset table) const {
  const std::uint64_t entry_size = geometry_.l2_entry_size();
  const std::uint64_t index = geometry_.cluster(range.begin).value() % geometry_.l2_entries();
  const HostOffset first = table + index * entry_size;
  if (!is_in_file(first, entry_size, file_)) {
    return invalid(
        range, fmt::format("its L2 table at {} ends behind the end of the file", table.value()));
  }
  const auto piece = piece_at(first);
  const std::size_t in_piece = first.value() % piece_size_;
  const std::uint64_t entries =
      std::min((piece->size() - in_piece) / entry_size, geometry_.l2_entries() - index);
  Qcow2Extent extent;
  for (std::uint64_t i = 0; i < entries && range.length > 0; ++i) {
    const std::byte* at = piece->data() + in_piece + i * entry_size;
    Position position;
    position.loss = loss_in(first + i * entry_size, entry_size);
    position.entry = load_big<std::uint64_t>(at);
    if (geometry_.extended_l2) position.subclusters = load_big<std::uint64_t>(at + 8);
    position.cluster = geometry_.offset(geometry_.cluster(range.begin));
    position.range = range.first(geometry_.cluster_size() - (range.begin - position.cluster));
    while (position.range.length > 0) {
      const Qcow2Extent part = part_of_cluster(position);
      if (extent.range.length == 0) {
        extent = part;
      } else if (goes_on(extent, part)) {
        extent.range.length += part.range.length;
      } else {
        return extent;
      }
      position.range = position.range.without_first(part.range.length);
      range = range.without_first(part.range.length);
    }
  }
  return extent;
}

// What the position begins with, as far as it is alike.
Qcow2Extent Qcow2Tables::part_of_cluster(const Position& position) const {
  if (position.loss) {
    return invalid(position.range, "its L2 table cannot be read: " + *position.loss);
  }
  Qcow2Extent part{.kind = kind_of(position), .range = position.range};
  if (geometry_.extended_l2 && part.kind != EntryKind::kCompressed) {
    part.range = position.range.first(alike_subclusters(position, part.kind));
  }
  if (const auto problem = problem_of(position, part.kind)) {
    return invalid(part.range, "the cluster cannot be read: " + *problem);
  }
  if (part.kind == EntryKind::kCompressed) {
    part.blob = qcow2::decode_compressed_entry(position.entry, geometry_.cluster_bits);
    part.cluster = position.cluster;
  } else if (part.kind == EntryKind::kData) {
    part.offset = qcow2::entry_offset(position.entry) + (position.range.begin - position.cluster);
    const HostOffset end = part.offset + part.range.length;
    if (clusters_end_in_file_ && end.value() > data_.size()) {
      return invalid(part.range,
                     fmt::format("the cluster cannot be read: the image is cut off at {}, and it "
                                 "goes on to {}",
                                 data_.size(), end.value()));
    }
    cut_at_end_of_file(part);
  }
  return part;
}

EntryKind Qcow2Tables::kind_of(const Position& position) const {
  if (!geometry_.extended_l2) return qcow2::entry_kind(position.entry, has_data_file_);
  return qcow2::subcluster_kind(position.entry, position.subclusters,
                                subcluster_of(position.range.begin - position.cluster),
                                has_data_file_);
}

unsigned Qcow2Tables::subcluster_of(std::uint64_t in_cluster) const {
  return static_cast<unsigned>(in_cluster >> (geometry_.cluster_bits - qcow2::kSubclusterBits));
}

// The bytes from the beginning of the position to the end of the subclusters that are of `kind`.
std::uint64_t Qcow2Tables::alike_subclusters(const Position& position, EntryKind kind) const {
  const std::uint64_t in_cluster = position.range.begin - position.cluster;
  unsigned next = subcluster_of(in_cluster) + 1;
  while (next < qcow2::kSubclusters && qcow2::subcluster_kind(position.entry, position.subclusters,
                                                              next, has_data_file_) == kind) {
    ++next;
  }
  const std::uint64_t end = std::uint64_t{next}
                            << (geometry_.cluster_bits - qcow2::kSubclusterBits);
  return end - in_cluster;
}

// A cluster that begins in the file may end behind it: what is missing reads as zeros, as in QEMU.
void Qcow2Tables::cut_at_end_of_file(Qcow2Extent& part) const {
  const std::uint64_t end = data_.size();
  if (part.offset.value() >= end) {
    part.kind = EntryKind::kZeros;
    part.offset = {};
  } else {
    part.range = part.range.first(end - part.offset.value());
  }
}

bool Qcow2Tables::goes_on(const Qcow2Extent& extent, const Qcow2Extent& next) {
  if (next.kind != extent.kind || next.kind == EntryKind::kCompressed) return false;
  if (next.kind == EntryKind::kInvalid) return false;
  return next.kind != EntryKind::kData || next.offset == extent.offset + extent.range.length;
}

// QEMU: qcow2_get_host_offset(), which refuses the same, but for what begins behind the end.
std::optional<std::string> Qcow2Tables::problem_of(const Position& position, EntryKind kind) const {
  const std::uint64_t file_end = file_.size();
  if (kind == EntryKind::kInvalid) return "its subclusters are and are not there";
  if (kind == EntryKind::kCompressed) {
    if (has_data_file_) return "it is compressed, which it cannot be with a data file";
    const HostRange blob = qcow2::decode_compressed_entry(position.entry, geometry_.cluster_bits);
    if (blob.begin.value() >= file_end) {
      return fmt::format("its compressed data lies at {}, behind the end of the file",
                         blob.begin.value());
    }
    if (blob.length >= file_end - blob.begin.value() + geometry_.cluster_size()) {
      return fmt::format("its compressed data at {} ends far behind the end of the file",
                         blob.begin.value());
    }
    return std::nullopt;
  }
  const bool has_zero_flag = (position.entry & qcow2::kZeroEntry) != 0 && !geometry_.extended_l2;
  if (geometry_.version == 2 && has_zero_flag) return "it is of zeros, unknown to version 2";
  const std::uint64_t offset = qcow2::entry_offset(position.entry).value();
  if (offset % geometry_.cluster_size() != 0) {
    return fmt::format("its offset {} is not that of a cluster", offset);
  }
  // kCopied tells cluster 0 of the data file from none. An extended entry may have it with no
  // subcluster there.
  const bool has_cluster = offset != 0 || kind == EntryKind::kData ||
                           (geometry_.extended_l2 && qcow2::entry_copied(position.entry));
  if (has_data_file_ && has_cluster && offset != position.cluster.value()) {
    return fmt::format("its offset {} is not its own in the data file", offset);
  }
  if (kind == EntryKind::kData && offset >= data_.size()) {
    return fmt::format("it lies at {}, behind the end of the file", offset);
  }
  return std::nullopt;
}

}  // namespace qcow2stream
