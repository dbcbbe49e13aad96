// SPDX-License-Identifier: GPL-2.0-or-later

#include <algorithm>
#include <bit>

#include "base/bits.h"
#include "filesystems/crc32c.h"
#include "filesystems/fields.h"
#include "filesystems/kept.h"
#include "filesystems/volume_name.h"
#include "filesystems/xfs_format.h"

namespace qcow2stream::xfs {
namespace {

constexpr std::string_view kRepair = "run xfs_repair on it";

// Offsets of fields (struct xfs_dsb).
constexpr std::size_t kBlockSize = 4;
constexpr std::size_t kBlocks = 8;
constexpr std::size_t kUuid = 32;
constexpr std::size_t kLogStart = 48;
constexpr std::size_t kGroupBlocks = 84;
constexpr std::size_t kGroupCount = 88;
constexpr std::size_t kLogBlocks = 96;
constexpr std::size_t kVersion = 100;
constexpr std::size_t kSectorSize = 102;
constexpr std::size_t kLabel = 108;
constexpr std::size_t kLabelLength = 12;
constexpr std::size_t kBlockBits = 120;
constexpr std::size_t kSectorBits = 121;
constexpr std::size_t kGroupBits = 124;
constexpr std::size_t kInProgress = 126;
constexpr std::size_t kFreeBlocks = 144;
constexpr std::size_t kFeatures2 = 200;
constexpr std::size_t kBadFeatures2 = 204;
constexpr std::size_t kCompatible = 208;
constexpr std::size_t kReadOnlyCompatible = 212;
constexpr std::size_t kIncompatible = 216;
constexpr std::size_t kLogIncompatible = 220;
constexpr std::size_t kCrc = 224;
constexpr std::size_t kMetadataUuid = 248;

// Of the version: its number, and that features2 counts.
constexpr unsigned kNumberBits = 0x000f;
constexpr unsigned kSharedBit = 0x0200;  // shared read-only file systems, which no kernel mounts
constexpr unsigned kMoreBits = 0x8000;
// Of features2: lazy counts, second form of attributes, project numbers of 32 bits, checksums,
// types in directories. Kernels have no others.
constexpr std::uint32_t kLazyCounts = 0x002;
constexpr std::uint32_t kKnown2 = kLazyCounts | 0x008 | 0x080 | 0x100 | 0x200;
// Trees of free inodes, of owners, of shared blocks; counts of inode trees.
constexpr std::uint32_t kKnownReadOnly = 0x1 | 0x2 | 0x4 | 0x8;
// Types in directories, sparse inode chunks, metadata UUID, large times, large counters of extents,
// exchanged ranges, parent pointers. Not metadata directories and zones, which may put other things
// beside the groups.
constexpr std::uint32_t kHasMetadataUuid = 0x4;
constexpr std::uint32_t kNeedsRepair = 0x10;
constexpr std::uint32_t kKnownIncompatible =
    0x1 | 0x2 | kHasMetadataUuid | 0x8 | 0x20 | 0x40 | 0x80;
// Replaying of attributes, which says nothing once the log is clean.
constexpr std::uint32_t kKnownLogIncompatible = 0x1;

constexpr std::uint64_t kSmallestBlock = 512;
constexpr std::uint64_t kLargestBlock = 65536;
constexpr std::uint64_t kLargestSector = 32768;
constexpr std::uint64_t kFewestGroupBlocks = 64;                 // XFS_MIN_AG_BLOCKS
constexpr std::uint64_t kLargestGroup = std::uint64_t{1} << 40;  // XFS_MAX_AG_BYTES, rounded up

Uuid uuid_at(const Fields& fields, std::size_t offset) {
  Uuid uuid{};
  std::ranges::copy(fields.bytes(offset, uuid.size()), uuid.begin());
  return uuid;
}

[[noreturn]] void refuse_damage() {
  throw Kept("its superblock is damaged", std::string(kRepair));
}

[[noreturn]] void refuse_features() {
  throw Kept("it has features that are not known here");
}

void check_version_5(const Fields& fields) {
  const auto incompatible = fields.big<std::uint32_t>(kIncompatible);
  if ((incompatible & kNeedsRepair) != 0) throw Kept("it needs repair", std::string(kRepair));
  if (fields.big<std::uint32_t>(kCompatible) != 0 ||
      (fields.big<std::uint32_t>(kReadOnlyCompatible) & ~kKnownReadOnly) != 0 ||
      (incompatible & ~kKnownIncompatible) != 0 ||
      (fields.big<std::uint32_t>(kLogIncompatible) & ~kKnownLogIncompatible) != 0) {
    refuse_features();
  }
}

void read_version(const Fields& fields, Superblock& superblock) {
  const unsigned version = fields.big<std::uint16_t>(kVersion);
  const unsigned number = version & kNumberBits;
  const auto features2 = fields.big<std::uint32_t>(kFeatures2);
  if ((number != 4 && number != 5) || (version & kSharedBit) != 0) refuse_features();
  if ((version & kMoreBits) != 0) {
    // Old kernels wrote to the wrong place; newer ones make both the same.
    if (features2 != fields.big<std::uint32_t>(kBadFeatures2) &&
        fields.big<std::uint32_t>(kBadFeatures2) != 0) {
      refuse_damage();
    }
    if ((features2 & ~kKnown2) != 0) refuse_features();
    superblock.has_lazy_counts = (features2 & kLazyCounts) != 0;
  }
  superblock.has_crcs = number == 5;
  superblock.has_lazy_counts = superblock.has_lazy_counts || superblock.has_crcs;
  if (superblock.has_crcs) check_version_5(fields);
  if (number == 5 && (version & kMoreBits) == 0) refuse_damage();
}

bool is_power_within(std::uint64_t n, unsigned bits, std::uint64_t least, std::uint64_t most) {
  return std::has_single_bit(n) && n == std::uint64_t{1} << (bits & 63U) && n >= least && n <= most;
}

void check_groups(const Superblock& superblock) {
  const std::uint64_t per_group = superblock.blocks_per_group;
  if (per_group < kFewestGroupBlocks || per_group * superblock.block_size > kLargestGroup ||
      superblock.group_bits > 32 || per_group > std::uint64_t{1} << superblock.group_bits ||
      (superblock.group_bits > 0 && per_group <= std::uint64_t{1} << (superblock.group_bits - 1)) ||
      superblock.blocks == 0 || superblock.groups != div_up(superblock.blocks, per_group) ||
      superblock.group_blocks(superblock.groups - 1) < kFewestGroupBlocks) {
    refuse_damage();
  }
}

void read_sizes(const Volume& volume, const Fields& fields, Superblock& superblock) {
  superblock.block_size = fields.big<std::uint32_t>(kBlockSize);
  superblock.sector_size = fields.big<std::uint16_t>(kSectorSize);
  superblock.blocks = fields.big<std::uint64_t>(kBlocks);
  superblock.blocks_per_group = fields.big<std::uint32_t>(kGroupBlocks);
  superblock.groups = fields.big<std::uint32_t>(kGroupCount);
  superblock.group_bits = fields.byte(kGroupBits);
  superblock.log_start = fields.big<std::uint64_t>(kLogStart);
  superblock.log_blocks = fields.big<std::uint32_t>(kLogBlocks);
  superblock.free_blocks = fields.big<std::uint64_t>(kFreeBlocks);
  if (!is_power_within(superblock.block_size, fields.byte(kBlockBits), kSmallestBlock,
                       kLargestBlock) ||
      !is_power_within(superblock.sector_size, fields.byte(kSectorBits), kDiskBlock,
                       std::min(superblock.block_size, kLargestSector))) {
    refuse_damage();
  }
  if (superblock.blocks > volume.size() / superblock.block_size) {
    throw Kept("it is larger than the volume that it lies on");
  }
  check_groups(superblock);
}

}  // namespace

bool has_right_crc(std::span<const std::byte> bytes, std::size_t at) {
  constexpr std::array<std::byte, sizeof(std::uint32_t)> kZeros{};
  std::uint32_t crc = crc32c(~0U, bytes.first(at));
  crc = crc32c(crc, kZeros);
  crc = crc32c(crc, bytes.subspan(at + kZeros.size()));
  return ~crc == Fields(bytes).little<std::uint32_t>(at);
}

Superblock read_superblock(const Volume& volume) {
  const auto bytes = bytes_at(volume, 0, kLargestSector);
  const Fields fields(bytes);
  Superblock superblock;
  if (!fields.has(0, "XFSB")) refuse_damage();
  superblock.uuid = uuid_at(fields, kUuid);
  superblock.label = printable_name(fields.text(kLabel, kLabelLength));
  if (superblock.label.empty()) superblock.label = uuid_text(superblock.uuid);
  // What the checksum covers depends on the size of a sector.
  read_sizes(volume, fields, superblock);
  const bool is_version_5 = (fields.big<std::uint16_t>(kVersion) & kNumberBits) == 5;
  if (is_version_5 && !has_right_crc(std::span(bytes).first(superblock.sector_size), kCrc)) {
    refuse_damage();
  }
  read_version(fields, superblock);
  if (fields.byte(kInProgress) != 0) throw Kept("it has not been made completely");
  superblock.metadata_uuid = superblock.uuid;
  if (is_version_5 && (fields.big<std::uint32_t>(kIncompatible) & kHasMetadataUuid) != 0) {
    superblock.metadata_uuid = uuid_at(fields, kMetadataUuid);
  }
  return superblock;
}

void check_copy(const Superblock& superblock, std::span<const std::byte> bytes) {
  const Fields fields(bytes);
  const bool is_same = fields.has(0, "XFSB") &&
                       fields.big<std::uint32_t>(kBlockSize) == superblock.block_size &&
                       fields.big<std::uint64_t>(kBlocks) == superblock.blocks &&
                       fields.big<std::uint32_t>(kGroupBlocks) == superblock.blocks_per_group &&
                       fields.big<std::uint32_t>(kGroupCount) == superblock.groups &&
                       fields.big<std::uint16_t>(kSectorSize) == superblock.sector_size &&
                       fields.byte(kGroupBits) == superblock.group_bits &&
                       fields.big<std::uint64_t>(kLogStart) == superblock.log_start &&
                       fields.big<std::uint32_t>(kLogBlocks) == superblock.log_blocks &&
                       uuid_at(fields, kUuid) == superblock.uuid;
  if (!is_same) throw Kept("its superblocks do not agree", std::string(kRepair));
}

}  // namespace qcow2stream::xfs
