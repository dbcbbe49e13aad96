// SPDX-License-Identifier: GPL-2.0-or-later
//
// The superblock of XFS, as far as it says where things lie ("XFS Algorithms & Data Structures",
// 3rd edition; fs/xfs/libxfs/xfs_format.h of Linux). All integers are big-endian, checksums are
// little-endian.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "filesystems/volume.h"

namespace qcow2stream::xfs {

using Uuid = std::array<std::byte, 16>;

constexpr std::uint32_t kNoBlock = 0xffffffff;  // NULLAGBLOCK
constexpr std::uint64_t kDiskBlock = 512;       // the unit of addresses in headers, and of the log

struct Superblock {
  bool has_crcs = false;         // version 5
  bool has_lazy_counts = false;  // its counts are right only after it was unmounted
  std::uint64_t block_size = 0;
  std::uint64_t sector_size = 0;
  std::uint64_t blocks = 0;            // of the data section
  std::uint64_t blocks_per_group = 0;  // of all groups but the last
  std::uint64_t groups = 0;
  unsigned group_bits = 0;      // block numbers are GROUP << group_bits | BLOCK
  std::uint64_t log_start = 0;  // a block number; 0 if the log lies on another device
  std::uint64_t log_blocks = 0;
  std::uint64_t free_blocks = 0;  // with what the groups keep ready for their trees
  Uuid uuid{};                    // what users see; the log has it
  Uuid metadata_uuid{};           // what metadata of version 5 has
  std::string label;

  [[nodiscard]] std::uint64_t group_begin(std::uint64_t group) const {  // bytes
    return group * blocks_per_group * block_size;
  }
  [[nodiscard]] std::uint64_t group_blocks(std::uint64_t group) const {
    const std::uint64_t before = group * blocks_per_group;
    return blocks - before < blocks_per_group ? blocks - before : blocks_per_group;
  }
};

// Throws Kept for what is damaged or has a feature that is not known here. Whatever comes back
// lies within the volume, and products of its numbers fit into 64 bits.
Superblock read_superblock(const Volume& volume);

// Throws Kept unless the superblock that stands at the beginning of `group` says the same. `bytes`
// are its first 512.
void check_copy(const Superblock& superblock, std::span<const std::byte> bytes);

// Whether a structure of version 5 has the right checksum, which stands at `at`.
bool has_right_crc(std::span<const std::byte> bytes, std::size_t at);

// What the end of the log says.
enum class LogState : std::uint8_t {
  kUnmounted,  // nothing is to be replayed, and the counts of the superblock are right
  kFrozen,     // all that would be replayed is the superblock's counts
};

// Throws Kept if anything else is to be replayed, or if that cannot be told.
LogState check_log(const Volume& volume, const Superblock& superblock);

}  // namespace qcow2stream::xfs
