// SPDX-License-Identifier: GPL-2.0-or-later

#include "filesystems/ext_inode.h"

#include <ext2fs/ext3_extents.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "filesystems/kept.h"

namespace qcow2stream {
namespace {

constexpr int kDeepest = 5;  // EXT4_MAX_EXTENT_DEPTH of Linux

Kept bad_inode() {
  return Kept("one of its inodes makes no sense", "run e2fsck on it");
}

// Whether what stands in i_block is the target of a symbolic link.
bool is_fast_link(const ext2_inode& inode) {
  return LINUX_S_ISLNK(inode.i_mode) && (inode.i_flags & EXT4_EXTENTS_FL) == 0 &&
         inode.i_size < sizeof inode.i_block;
}

bool has_blocks(std::uint32_t number, const ext2_inode& inode) {
  if ((inode.i_flags & EXT4_INLINE_DATA_FL) != 0) return false;
  if (number == EXT2_BAD_INO) return true;
  return LINUX_S_ISREG(inode.i_mode) || LINUX_S_ISDIR(inode.i_mode) ||
         (LINUX_S_ISLNK(inode.i_mode) && !is_fast_link(inode));
}

template <class Record>
Record record_at(std::span<const std::byte> node, std::size_t offset) {
  Record record{};
  std::memcpy(&record, node.data() + offset, sizeof record);
  return record;
}

}  // namespace

void InodeWalk::take_run(UnitRun run, const Take& take, bool is_data, std::uint64_t logical) {
  const std::uint64_t blocks = filesystem_.blocks();
  if (run.begin < filesystem_.super().s_first_data_block || run.begin >= blocks ||
      run.length == 0 || run.length > blocks - run.begin)
    throw bad_inode();
  if (run.length > budget_) throw Kept("its files claim more than is used", "run e2fsck on it");
  budget_ -= run.length;
  take({.blocks = run, .is_data = is_data, .logical = logical});
}

std::vector<std::byte> InodeWalk::read_block(std::uint64_t block) const {
  std::vector<std::byte> bytes(filesystem_.block_size());
  filesystem_.volume().read(VolumeOffset(block * bytes.size()), bytes);
  return bytes;
}

void InodeWalk::walk_extents(std::span<const std::byte> node, int depth, const Take& take) {
  static_assert(sizeof(ext3_extent) == 12 && sizeof(ext3_extent_idx) == 12 &&
                sizeof(ext3_extent_header) == 12);
  constexpr std::size_t kRecord = 12;
  const auto header = record_at<ext3_extent_header>(node, 0);
  const std::size_t entries = header.eh_entries;
  if (header.eh_magic != EXT3_EXT_MAGIC || entries > header.eh_max ||
      entries > node.size() / kRecord - 1)
    throw bad_inode();
  if (depth < 0 ? header.eh_depth > kDeepest : header.eh_depth != depth) throw bad_inode();
  for (std::size_t i = 1; i <= entries; ++i) {
    if (header.eh_depth > 0) {
      const auto index = record_at<ext3_extent_idx>(node, i * kRecord);
      const std::uint64_t child = index.ei_leaf | std::uint64_t{index.ei_leaf_hi} << 32U;
      take_run({child, 1}, take, false, 0);
      walk_extents(read_block(child), header.eh_depth - 1, take);
      continue;
    }
    const auto extent = record_at<ext3_extent>(node, i * kRecord);
    // Longer ones are allocated but hold nothing yet.
    const std::uint64_t length =
        extent.ee_len > EXT_INIT_MAX_LEN ? extent.ee_len - EXT_INIT_MAX_LEN : extent.ee_len;
    take_run({extent.ee_start | std::uint64_t{extent.ee_start_hi} << 32U, length}, take, true,
             extent.ee_block);
  }
}

// A pointer to a block of data (levels is 0), or to one with pointers of a level less.
void InodeWalk::walk_indirect(std::uint32_t block, int levels, std::uint64_t& logical,
                              const Take& take) {
  const std::uint64_t pointers = filesystem_.block_size() / sizeof(std::uint32_t);
  if (block == 0) {
    std::uint64_t left_out = 1;
    for (int i = 0; i < levels; ++i) left_out *= pointers;
    logical += left_out;
    return;
  }
  take_run({block, 1}, take, levels == 0, logical);
  if (levels == 0) {
    ++logical;
    return;
  }
  const std::vector<std::byte> bytes = read_block(block);
  for (std::size_t i = 0; i < pointers; ++i) {
    walk_indirect(record_at<std::uint32_t>(bytes, i * sizeof(std::uint32_t)), levels - 1, logical,
                  take);
  }
}

void InodeWalk::walk(std::uint32_t number, const ext2_inode& inode, const Take& take) {
  std::uint64_t attributes = inode.i_file_acl;
  if (ext2fs_has_feature_64bit(filesystem_.get()->super) != 0)
    attributes |= std::uint64_t{inode.osd2.linux2.l_i_file_acl_high} << 32U;
  if (attributes != 0) {
    ++budget_;
    take_run({attributes, 1}, take, false, 0);
  }
  if (!has_blocks(number, inode)) return;
  const std::span<const std::byte> root = std::as_bytes(std::span(inode.i_block));
  if ((inode.i_flags & EXT4_EXTENTS_FL) != 0) {
    walk_extents(root, -1, take);
    return;
  }
  std::uint64_t logical = 0;
  for (std::size_t i = 0; i < EXT2_N_BLOCKS; ++i) {
    const int levels = i < EXT2_NDIR_BLOCKS ? 0 : static_cast<int>(i) - EXT2_NDIR_BLOCKS + 1;
    walk_indirect(inode.i_block[i], levels, logical, take);
  }
}

ext2_inode read_ext_inode(const ExtFilesystem& filesystem, std::uint32_t number) {
  const ext2_super_block& super = filesystem.super();
  if (number == 0 || number > super.s_inodes_count) throw bad_inode();
  const std::uint32_t group = (number - 1) / super.s_inodes_per_group;
  const std::uint64_t in_group = (number - 1) % super.s_inodes_per_group;
  const std::uint64_t table = ext2fs_inode_table_loc(filesystem.get(), group);
  if (table == 0 || table >= filesystem.blocks()) throw bad_inode();
  const std::uint64_t offset =
      table * filesystem.block_size() +
      in_group * static_cast<std::uint64_t>(EXT2_INODE_SIZE(filesystem.get()->super));
  if (offset > filesystem.blocks() * filesystem.block_size() - sizeof(ext2_inode))
    throw bad_inode();
  ext2_inode inode{};
  filesystem.volume().read(VolumeOffset(offset), std::as_writable_bytes(std::span(&inode, 1)));
  return inode;
}

}  // namespace qcow2stream
