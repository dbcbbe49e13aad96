// SPDX-License-Identifier: GPL-2.0-or-later

#include "filesystems/ext_witness.h"

#include <algorithm>
#include <cstring>
#include <span>
#include <vector>

#include "base/bits.h"
#include "filesystems/ext_inode.h"
#include "filesystems/kept.h"

namespace qcow2stream {
namespace {

class InodeCheck {
 public:
  InodeCheck(const ExtFilesystem& filesystem, const RunList& free, std::uint64_t used)
      : filesystem_(filesystem), free_(free), walk_(filesystem, used) {}

  void check_group(dgrp_t group);

 private:
  [[nodiscard]] std::vector<std::uint64_t> inode_bits(dgrp_t group) const;
  void check_blocks(dgrp_t group, std::span<const std::uint64_t> bits, std::uint64_t begin,
                    std::uint64_t end);
  void check_inode(std::uint32_t number, std::span<const std::byte> bytes);

  const ExtFilesystem& filesystem_;
  const RunList& free_;
  InodeWalk walk_;
};

std::vector<std::uint64_t> InodeCheck::inode_bits(dgrp_t group) const {
  struct_ext2_filsys* const fs = filesystem_.get();
  const std::size_t size = filesystem_.block_size();
  std::vector<std::uint64_t> bits(size / sizeof(std::uint64_t));
  const bool uninitialized = ext2fs_has_group_desc_csum(fs) != 0 &&
                             ext2fs_bg_flags_test(fs, group, EXT2_BG_INODE_UNINIT) != 0;
  if (!uninitialized) {
    filesystem_.volume().read(VolumeOffset(ext2fs_inode_bitmap_loc(fs, group) * size),
                              std::as_writable_bytes(std::span(bits)));
    words_from_little(bits);
  }
  const std::uint64_t inodes = filesystem_.super().s_inodes_per_group;
  if (inodes - count_set(bits, 0, inodes) != ext2fs_bg_free_inodes_count(fs, group))
    throw Kept("the number of free inodes of a group is not that of its bitmap",
               "run e2fsck on it");
  return bits;
}

void InodeCheck::check_inode(std::uint32_t number, std::span<const std::byte> bytes) {
  ext2_inode inode{};
  std::memcpy(&inode, bytes.data(), sizeof inode);
  walk_.walk(number, inode, [this](const InodeRun& run) {
    if (free_.meets(run.blocks))
      throw Kept("its block bitmaps call blocks of a file free", "run e2fsck on it");
  });
}

// The inodes in the blocks [begin, end) of the table of a group.
void InodeCheck::check_blocks(dgrp_t group, std::span<const std::uint64_t> bits,
                              std::uint64_t begin, std::uint64_t end) {
  const std::uint64_t block_size = filesystem_.block_size();
  const auto inode_size = static_cast<std::uint64_t>(EXT2_INODE_SIZE(filesystem_.get()->super));
  const std::uint64_t per_block = block_size / inode_size;
  std::vector<std::byte> table((end - begin) * block_size);
  filesystem_.volume().read(
      VolumeOffset((ext2fs_inode_table_loc(filesystem_.get(), group) + begin) * block_size), table);
  const std::uint64_t per_group = filesystem_.super().s_inodes_per_group;
  for (std::uint64_t i = begin * per_block; i < std::min(end * per_block, per_group); ++i) {
    if ((bits[i / 64] >> i % 64 & 1U) == 0) continue;
    check_inode(static_cast<std::uint32_t>(group * per_group + i + 1),
                std::span(table).subspan((i - begin * per_block) * inode_size, inode_size));
  }
}

// Of the table only the blocks are read in which an inode is in use, pieces of them at once.
void InodeCheck::check_group(dgrp_t group) {
  constexpr std::uint64_t kMost = std::uint64_t{256} << 10U;
  const std::vector<std::uint64_t> bits = inode_bits(group);
  const std::uint64_t per_group = filesystem_.super().s_inodes_per_group;
  const std::uint64_t per_block =
      filesystem_.block_size() /
      static_cast<std::uint64_t>(EXT2_INODE_SIZE(filesystem_.get()->super));
  const std::uint64_t most_blocks = kMost / filesystem_.block_size();
  for (std::uint64_t at = 0; at < per_group;) {
    const std::uint64_t inode = find_bit(bits, at, 0);
    if (inode >= per_group) return;
    const std::uint64_t begin = inode / per_block;
    std::uint64_t end = begin + 1;
    while (end - begin < most_blocks && end * per_block < per_group &&
           find_bit(bits, end * per_block, 0) < std::min((end + 1) * per_block, per_group))
      ++end;
    check_blocks(group, bits, begin, end);
    at = end * per_block;
  }
}

}  // namespace

void check_ext_inodes(const ExtFilesystem& filesystem, const RunList& free, std::uint64_t used) {
  InodeCheck check(filesystem, free, used);
  for (dgrp_t group = 0; group < filesystem.groups(); ++group) check.check_group(group);
}

}  // namespace qcow2stream
