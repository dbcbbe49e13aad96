// SPDX-License-Identifier: GPL-2.0-or-later
//
// The headers of an allocation group, a sector each: a copy of the superblock, free space (AGF),
// inodes (AGI), blocks that are kept ready for the trees (AGFL).

#include "filesystems/xfs_group.h"

#include <algorithm>

#include "base/bits.h"
#include "filesystems/fields.h"
#include "filesystems/kept.h"

namespace qcow2stream::xfs {
namespace {

constexpr std::size_t kHeaders = 4;
constexpr unsigned kMostLevels = 9;  // XFS_BTREE_MAXLEVELS

// Offsets of fields that AGF and AGI share.
constexpr std::size_t kHeaderVersion = 4;
constexpr std::size_t kGroupNumber = 8;
constexpr std::size_t kGroupLength = 12;
// Of the AGF.
constexpr std::size_t kRootByBlock = 16;
constexpr std::size_t kRootByLength = 20;
constexpr std::size_t kLevelsByBlock = 28;
constexpr std::size_t kLevelsByLength = 32;
constexpr std::size_t kFirstReady = 40;
constexpr std::size_t kLastReady = 44;
constexpr std::size_t kReadyCount = 48;
constexpr std::size_t kGroupFree = 52;
constexpr std::size_t kLongest = 56;
constexpr std::size_t kTreeBlocks = 60;
constexpr std::size_t kSpaceUuid = 64;
constexpr std::size_t kSpaceCrc = 216;
// Of the AGI.
constexpr std::size_t kInodesUuid = 296;
constexpr std::size_t kInodesCrc = 312;
// Of the AGFL, which has a header in version 5 only.
constexpr std::size_t kReadyNumber = 4;
constexpr std::size_t kReadyUuid = 8;
constexpr std::size_t kReadyCrc = 32;
constexpr std::size_t kReadyHeader = 36;
constexpr std::size_t kReadyEntry = 4;

[[noreturn]] void refuse_group() {
  throw Kept("a header of an allocation group is damaged", "run xfs_repair on it");
}

void check_checked(const Superblock& superblock, const Fields& fields, std::size_t uuid,
                   std::size_t crc) {
  if (!superblock.has_crcs) return;
  if (!has_right_crc(fields.all(), crc) ||
      !std::ranges::equal(fields.bytes(uuid, superblock.metadata_uuid.size()),
                          superblock.metadata_uuid)) {
    refuse_group();
  }
}

void check_header(const Group& group, const Fields& fields, std::string_view magic) {
  if (!fields.has(0, magic) || fields.big<std::uint32_t>(kHeaderVersion) != 1 ||
      fields.big<std::uint32_t>(kGroupNumber) != group.number ||
      fields.big<std::uint32_t>(kGroupLength) != group.blocks) {
    refuse_group();
  }
}

void read_space(const Superblock& superblock, const Fields& fields, Group& group) {
  check_header(group, fields, "XAGF");
  check_checked(superblock, fields, kSpaceUuid, kSpaceCrc);
  group.by_block = {fields.big<std::uint32_t>(kRootByBlock),
                    fields.big<std::uint32_t>(kLevelsByBlock)};
  group.by_length = {fields.big<std::uint32_t>(kRootByLength),
                     fields.big<std::uint32_t>(kLevelsByLength)};
  for (const Tree& tree : {group.by_block, group.by_length}) {
    if (tree.root >= group.blocks || tree.levels == 0 || tree.levels > kMostLevels) refuse_group();
    group.reserved.push_back({tree.root, 1});
  }
  group.free_blocks = fields.big<std::uint32_t>(kGroupFree);
  group.longest = fields.big<std::uint32_t>(kLongest);
  group.tree_blocks = fields.big<std::uint32_t>(kTreeBlocks);
  group.ready_blocks = fields.big<std::uint32_t>(kReadyCount);
  if (group.free_blocks > group.blocks || group.tree_blocks > group.blocks) refuse_group();
}

// The list is a ring; `space` says which part of it counts.
void read_ready(const Superblock& superblock, const Fields& space, const Fields& fields,
                Group& group) {
  std::size_t header = 0;
  if (superblock.has_crcs) {
    header = kReadyHeader;
    if (!fields.has(0, "XAFL") || fields.big<std::uint32_t>(kReadyNumber) != group.number) {
      refuse_group();
    }
    check_checked(superblock, fields, kReadyUuid, kReadyCrc);
  }
  const std::uint64_t size = (superblock.sector_size - header) / kReadyEntry;
  const std::uint64_t first = space.big<std::uint32_t>(kFirstReady);
  const std::uint64_t last = space.big<std::uint32_t>(kLastReady);
  const std::uint64_t count = group.ready_blocks;
  if (first >= size || last >= size || count > size ||
      (count > 0 && (last + size - first) % size + 1 != count)) {
    refuse_group();
  }
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t entry = (first + i) % size;
    const std::uint64_t block = fields.big<std::uint32_t>(header + entry * kReadyEntry);
    if (block >= group.blocks) refuse_group();
    group.reserved.push_back({block, 1});
  }
}

void reserve_log(const Superblock& superblock, Group& group) {
  if (superblock.log_start >> superblock.group_bits != group.number) return;
  const std::uint64_t mask = (std::uint64_t{1} << superblock.group_bits) - 1;
  group.reserved.push_back({superblock.log_start & mask, superblock.log_blocks});
}

}  // namespace

Group read_group(const Volume& volume, const Superblock& superblock, std::uint64_t number) {
  const std::size_t sector = superblock.sector_size;
  const auto bytes = bytes_at(volume, superblock.group_begin(number), kHeaders * sector);
  const auto header = [&](std::size_t index) {
    return Fields(std::span(bytes).subspan(index * sector, sector));
  };
  check_copy(superblock, header(0).all());
  Group group;
  group.number = number;
  group.blocks = superblock.group_blocks(number);
  group.reserved.push_back({0, div_up(kHeaders * sector, superblock.block_size)});
  read_space(superblock, header(1), group);
  check_header(group, header(2), "XAGI");
  check_checked(superblock, header(2), kInodesUuid, kInodesCrc);
  read_ready(superblock, header(1), header(3), group);
  reserve_log(superblock, group);
  std::ranges::sort(group.reserved, {}, &GroupRun::begin);
  const auto overlap = std::ranges::adjacent_find(
      group.reserved, [](const GroupRun& a, const GroupRun& b) { return b.begin < a.end(); });
  if (overlap != group.reserved.end()) refuse_group();
  return group;
}

}  // namespace qcow2stream::xfs
