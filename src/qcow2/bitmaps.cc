// SPDX-License-Identifier: GPL-2.0-or-later

#include "qcow2/bitmaps.h"

#include <algorithm>
#include <cstring>

#include "base/bits.h"
#include "base/endian.h"
#include "qcow2/limits.h"

namespace qcow2stream::qcow2 {
namespace {

// Byte positions of the fields of an entry of the directory.
enum BitmapField : std::size_t {
  kTableOffsetAt = 0,
  kTableEntriesAt = 8,
  kFlagsAt = 12,
  kTypeAt = 16,
  kGranularityBitsAt = 17,
  kBitmapNameLengthAt = 18,
  kExtraDataLengthAt = 20,
  kBitmapFieldsSize = 24,
};

constexpr std::uint32_t kInUse = 1;
constexpr std::uint32_t kActive = 2;
constexpr std::uint8_t kDirtyTracking = 1;

// An entry of a table: bits 9 to 55 are an offset; without one, bit 0 says whether all bits are
// set.
constexpr std::uint64_t kTableEntryReserved = 0xff00'0000'0000'01feULL;
constexpr std::uint64_t kTableEntryOnes = 1;
constexpr std::uint64_t kTableEntryOffset = 0x00ff'ffff'ffff'fe00ULL;

bool makes_sense(std::span<const std::byte> fields, const Geometry& geometry,
                 std::uint64_t disk_size) {
  const auto table_offset = load_big<std::uint64_t>(&fields[kTableOffsetAt]);
  const std::uint64_t table_entries = load_big<std::uint32_t>(&fields[kTableEntriesAt]);
  const auto flags = load_big<std::uint32_t>(&fields[kFlagsAt]);
  const auto type = std::to_integer<std::uint8_t>(fields[kTypeAt]);
  const auto granularity = std::to_integer<unsigned>(fields[kGranularityBitsAt]);
  const auto name_length = load_big<std::uint16_t>(&fields[kBitmapNameLengthAt]);
  if (table_offset == 0 || table_offset % geometry.cluster_size() != 0) return false;
  if (table_entries == 0 || table_entries > kMaxBitmapTableEntries) return false;
  if (table_entries << geometry.cluster_bits > kMaxBitmapBytes) return false;
  if (granularity < kMinGranularityBits || granularity > kMaxGranularityBits) return false;
  if ((flags & ~(kInUse | kActive)) != 0 || type != kDirtyTracking) return false;
  if (name_length == 0 || name_length > kMaxBitmapNameBytes) return false;
  if (load_big<std::uint32_t>(&fields[kExtraDataLengthAt]) != 0) return false;
  // QEMU: load_bitmap_data(). It loads all of them whenever it opens an image, but for those in
  // use.
  const std::uint64_t clusters =
      geometry.clusters_for(bytes_of_bitmap(align_down(disk_size, kSectorSize), granularity));
  return (flags & kInUse) != 0 || table_entries == std::max<std::uint64_t>(1, clusters);
}

}  // namespace

std::optional<std::vector<Bitmap>> decode_bitmap_directory(std::span<const std::byte> directory,
                                                           std::uint32_t count,
                                                           const Geometry& geometry,
                                                           std::uint64_t disk_size) {
  std::vector<Bitmap> bitmaps;
  while (!directory.empty()) {
    if (directory.size() < kBitmapFieldsSize || !makes_sense(directory, geometry, disk_size)) {
      return std::nullopt;
    }
    const std::size_t name_length = load_big<std::uint16_t>(&directory[kBitmapNameLengthAt]);
    const std::uint64_t size = align_up(kBitmapFieldsSize + name_length, 8);
    if (size > directory.size()) return std::nullopt;
    const auto flags = load_big<std::uint32_t>(&directory[kFlagsAt]);
    bitmaps.push_back(
        {.table_offset = HostOffset(load_big<std::uint64_t>(&directory[kTableOffsetAt])),
         .table_entries = load_big<std::uint32_t>(&directory[kTableEntriesAt]),
         .in_use = (flags & kInUse) != 0,
         .is_active = (flags & kActive) != 0,
         .granularity_bits = std::to_integer<unsigned>(directory[kGranularityBitsAt]),
         .name = std::string(reinterpret_cast<const char*>(&directory[kBitmapFieldsSize]),
                             name_length)});
    directory = directory.subspan(size);
  }
  if (bitmaps.size() != count) return std::nullopt;
  return bitmaps;
}

std::uint64_t bits_of_bitmap(std::uint64_t disk_size, unsigned granularity_bits) {
  return div_up(disk_size, 1ULL << granularity_bits);
}

std::uint64_t bytes_of_bitmap(std::uint64_t disk_size, unsigned granularity_bits) {
  return div_up(bits_of_bitmap(disk_size, granularity_bits), 8);
}

std::uint64_t bitmap_entry_size(std::string_view name) {
  return align_up(kBitmapFieldsSize + name.size(), 8);
}

std::vector<std::byte> encode_bitmap_directory(std::span<const Bitmap> bitmaps) {
  std::vector<std::byte> directory;
  for (const Bitmap& bitmap : bitmaps) {
    const std::size_t at = directory.size();
    directory.resize(at + bitmap_entry_size(bitmap.name));
    std::byte* const fields = &directory[at];
    store_big(fields + kTableOffsetAt, bitmap.table_offset.value());
    store_big(fields + kTableEntriesAt, static_cast<std::uint32_t>(bitmap.table_entries));
    store_big(fields + kFlagsAt, bitmap.is_active ? kActive : 0U);
    fields[kTypeAt] = std::byte{kDirtyTracking};
    fields[kGranularityBitsAt] = static_cast<std::byte>(bitmap.granularity_bits);
    store_big(fields + kBitmapNameLengthAt, static_cast<std::uint16_t>(bitmap.name.size()));
    std::memcpy(fields + kBitmapFieldsSize, bitmap.name.data(), bitmap.name.size());
  }
  return directory;
}

std::uint64_t encode_bitmap_cluster(const BitmapCluster& cluster) {
  if (cluster.kind == BitmapCluster::Kind::kStored) return cluster.offset.value();
  return cluster.kind == BitmapCluster::Kind::kOnes ? kTableEntryOnes : 0;
}

BitmapCluster decode_bitmap_cluster(std::uint64_t entry, const Geometry& geometry) {
  using enum BitmapCluster::Kind;
  const std::uint64_t offset = entry & kTableEntryOffset;
  const bool ones = (entry & kTableEntryOnes) != 0;
  if ((entry & kTableEntryReserved) != 0 || offset % geometry.cluster_size() != 0) {
    return {.kind = kInvalid};
  }
  if (offset == 0) return {.kind = ones ? kOnes : kZeros};
  if (ones) return {.kind = kInvalid};
  return {.kind = kStored, .offset = HostOffset(offset)};
}

}  // namespace qcow2stream::qcow2
