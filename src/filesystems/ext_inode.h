// SPDX-License-Identifier: GPL-2.0-or-later
//
// Which blocks an inode of ext uses. Not libext2fs's own iterators: on a tree whose nodes refer to
// each other these take time without bounds.

#pragma once

#include <ext2fs/ext2_fs.h>

#include <cstdint>
#include <functional>
#include <span>

#include "filesystems/ext_io.h"
#include "filesystems/unit_runs.h"

namespace qcow2stream {

struct InodeRun {
  UnitRun blocks;             // of the file system
  bool is_data = false;       // otherwise blocks that say where others are, or extended attributes
  std::uint64_t logical = 0;  // the first block of the file; of data only
};

// Walks the blocks of inodes. All inodes together may have as many blocks as `budget` says, which
// bounds the time; a block of extended attributes, which inodes share, does not count.
class InodeWalk {
 public:
  using Take = std::function<void(const InodeRun&)>;

  // `filesystem` must outlive the object.
  InodeWalk(const ExtFilesystem& filesystem, std::uint64_t budget)
      : filesystem_(filesystem), budget_(budget) {}

  // Calls `take` for each run of blocks of an inode. Throws Kept if the inode makes no sense, and
  // what the volume throws.
  void walk(std::uint32_t number, const ext2_inode& inode, const Take& take);

 private:
  void take_run(UnitRun run, const Take& take, bool is_data, std::uint64_t logical);
  void walk_extents(std::span<const std::byte> node, int depth, const Take& take);
  void walk_indirect(std::uint32_t block, int levels, std::uint64_t& logical, const Take& take);
  [[nodiscard]] std::vector<std::byte> read_block(std::uint64_t block) const;

  const ExtFilesystem& filesystem_;
  std::uint64_t budget_;
};

// Reads an inode from its table. Throws Kept if there is none of that number.
ext2_inode read_ext_inode(const ExtFilesystem& filesystem, std::uint32_t number);

}  // namespace qcow2stream
