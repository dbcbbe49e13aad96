// SPDX-License-Identifier: GPL-2.0-or-later

#include "filesystems/ext_tables.h"

#include <span>

#include "filesystems/kept.h"

namespace qcow2stream {
namespace {

constexpr const char* kRunCheck = "run e2fsck on it";

Kept bad_mount_protection() {
  return Kept("its block of multiple mount protection makes no sense", kRunCheck);
}

Kept resized() {
  return Kept("its journal changes its size or its tables", "mount it once and unmount it");
}

class TableList {
 public:
  explicit TableList(const ExtFilesystem& filesystem) : filesystem_(filesystem) {}

  void add(std::uint64_t begin, std::uint64_t length) {
    const std::uint64_t blocks = filesystem_.blocks();
    if (begin < filesystem_.super().s_first_data_block || begin >= blocks ||
        length > blocks - begin)
      throw Kept("its tables lie outside of it", kRunCheck);
    tables_.push_back({begin, length});
  }

  void add_copies(dgrp_t group);
  void add_own(dgrp_t group);
  std::vector<UnitRun> in_order();

 private:
  const ExtFilesystem& filesystem_;
  std::vector<UnitRun> tables_;
};

// The superblock and the group descriptors, or their copies, of a group that has them.
void TableList::add_copies(dgrp_t group) {
  struct_ext2_filsys* const fs = filesystem_.get();
  blk64_t super = 0;
  blk64_t descriptors = 0;
  blk64_t meta_descriptors = 0;
  ext2fs_super_and_bgd_loc2(fs, group, &super, &descriptors, &meta_descriptors, nullptr);
  // Superblock and boot block share a block, or with blocks of 1 KiB and clusters a cluster.
  if (group == 0 && super != 0 && fs->super->s_first_data_block == 0) add(0, super);
  if (super != 0 || group == 0) add(super, 1);
  if (descriptors != 0) {
    const std::uint64_t count =
        ext2fs_has_feature_meta_bg(fs->super) != 0
            ? std::uint64_t{fs->super->s_first_meta_bg}
            : fs->desc_blocks + std::uint64_t{fs->super->s_reserved_gdt_blocks};
    const std::uint64_t behind = filesystem_.blocks() - descriptors;
    if (descriptors < filesystem_.blocks() && count > 0)
      add(descriptors, count < behind ? count : behind);
  }
  if (meta_descriptors != 0) add(meta_descriptors, 1);
}

void TableList::add_own(dgrp_t group) {
  struct_ext2_filsys* const fs = filesystem_.get();
  add(ext2fs_block_bitmap_loc(fs, group), 1);
  add(ext2fs_inode_bitmap_loc(fs, group), 1);
  add(ext2fs_inode_table_loc(fs, group), fs->inode_blocks_per_group);
}

std::vector<UnitRun> TableList::in_order() {
  std::erase_if(tables_, [](const UnitRun& run) { return run.length == 0; });
  if (!sort_apart(tables_)) throw Kept("its tables lie on each other", kRunCheck);
  return std::move(tables_);
}

}  // namespace

std::vector<UnitRun> ext_tables(const ExtFilesystem& filesystem) {
  struct_ext2_filsys* const fs = filesystem.get();
  TableList tables(filesystem);
  for (dgrp_t group = 0; group < filesystem.groups(); ++group) {
    if (ext2fs_group_desc_csum_verify(fs, group) == 0)
      throw Kept("the checksum of a group descriptor is wrong", kRunCheck);
    tables.add_copies(group);
    tables.add_own(group);
  }
  if (ext2fs_has_feature_mmp(fs->super) != 0) tables.add(fs->super->s_mmp_block, 1);
  return tables.in_order();
}

void check_ext_mount_protection(const ExtFilesystem& filesystem, bool needs_recovery) {
  struct_ext2_filsys* const fs = filesystem.get();
  if (ext2fs_has_feature_mmp(fs->super) == 0) return;
  if (fs->super->s_mmp_block >= filesystem.blocks()) throw bad_mount_protection();
  mmp_struct mmp{};
  filesystem.volume().read(VolumeOffset(fs->super->s_mmp_block * filesystem.block_size()),
                           std::as_writable_bytes(std::span(&mmp, 1)));
  if (mmp.mmp_magic != EXT4_MMP_MAGIC || ext2fs_mmp_csum_verify(fs, &mmp) == 0)
    throw bad_mount_protection();
  if (mmp.mmp_seq == EXT4_MMP_SEQ_CLEAN) return;
  if (mmp.mmp_seq > EXT4_MMP_SEQ_MAX) throw Kept("it is being checked", "wait for e2fsck");
  if (!needs_recovery) throw Kept("it is mounted", "unmount it");
}

void check_same_tables(const ExtFilesystem& before, const ExtFilesystem& after) {
  const ext2_super_block& a = before.super();
  const ext2_super_block& b = after.super();
  if (before.blocks() != after.blocks() || before.groups() != after.groups() ||
      before.block_size() != after.block_size() || a.s_blocks_per_group != b.s_blocks_per_group ||
      a.s_inodes_per_group != b.s_inodes_per_group ||
      a.s_feature_incompat != b.s_feature_incompat || a.s_first_meta_bg != b.s_first_meta_bg ||
      a.s_reserved_gdt_blocks != b.s_reserved_gdt_blocks)
    throw resized();
  for (dgrp_t group = 0; group < before.groups(); ++group) {
    if (ext2fs_block_bitmap_loc(before.get(), group) !=
            ext2fs_block_bitmap_loc(after.get(), group) ||
        ext2fs_inode_bitmap_loc(before.get(), group) !=
            ext2fs_inode_bitmap_loc(after.get(), group) ||
        ext2fs_inode_table_loc(before.get(), group) != ext2fs_inode_table_loc(after.get(), group))
      throw resized();
  }
}

}  // namespace qcow2stream
