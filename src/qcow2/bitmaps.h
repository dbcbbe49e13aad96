// SPDX-License-Identifier: GPL-2.0-or-later
//
// The directory of the persistent dirty bitmaps and the entries of their tables (specification:
// "Bitmaps").

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "qcow2/geometry.h"
#include "qcow2stream/types.h"

namespace qcow2stream::qcow2 {

struct Bitmap {
  HostOffset table_offset;
  std::uint64_t table_entries = 0;  // one for each cluster of its bits
  bool in_use = false;              // it was not saved: it says nothing
  bool is_active = false;           // writes to the disk are marked in it
  unsigned granularity_bits = 16;   // a bit stands for 2^granularity_bits bytes of the disk
  std::string name;
};

// Returns the `count` bitmaps of a directory, or nothing where QEMU opens no image with such a one
// (block/qcow2-bitmap.c, bitmap_list_load(), check_dir_entry() and load_bitmap_data()). `disk_size`
// is in bytes, as the header has it. The entries of the bitmaps' tables are not looked at.
std::optional<std::vector<Bitmap>> decode_bitmap_directory(std::span<const std::byte> directory,
                                                           std::uint32_t count,
                                                           const Geometry& geometry,
                                                           std::uint64_t disk_size);

// How many bits a bitmap of a disk of `disk_size` bytes has, and how many bytes they take.
std::uint64_t bits_of_bitmap(std::uint64_t disk_size, unsigned granularity_bits);
std::uint64_t bytes_of_bitmap(std::uint64_t disk_size, unsigned granularity_bits);

// The directory of bitmaps that can be relied on (`in_use` does not count), and how many bytes one
// with this name takes there.
std::vector<std::byte> encode_bitmap_directory(std::span<const Bitmap> bitmaps);
std::uint64_t bitmap_entry_size(std::string_view name);

// What an entry of a bitmap's table says of the bits of a cluster.
struct BitmapCluster {
  enum class Kind { kZeros, kOnes, kStored, kInvalid };
  Kind kind = Kind::kZeros;
  HostOffset offset;  // of kStored
};
BitmapCluster decode_bitmap_cluster(std::uint64_t entry, const Geometry& geometry);

// The entry of a cluster that is not kInvalid; its offset must be that of a cluster.
std::uint64_t encode_bitmap_cluster(const BitmapCluster& cluster);

}  // namespace qcow2stream::qcow2
