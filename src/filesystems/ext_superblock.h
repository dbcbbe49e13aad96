// SPDX-License-Identifier: GPL-2.0-or-later
//
// What an ext file system says of itself, and whether it may be examined further.

#pragma once

#include <ext2fs/ext2_fs.h>

#include <cstdint>
#include <string>

#include "filesystems/volume.h"

namespace qcow2stream {

// Throws Kept if the volume has no superblock of ext.
ext2_super_block read_ext_superblock(const Volume& volume);

// "ext2", "ext3" or "ext4", by its features, as blkid has it.
std::string ext_format(const ext2_super_block& super);
// Its label or else its UUID.
std::string ext_name(const ext2_super_block& super);

std::uint64_t ext_blocks(const ext2_super_block& super);
std::uint64_t ext_free_blocks(const ext2_super_block& super);

bool ext_needs_recovery(const ext2_super_block& super);

// Throws Kept unless it has been left clean, or needs nothing but its journal, has only features
// that we know, and fits into `volume_size` bytes. From then on its geometry can be calculated
// with.
void check_ext_superblock(const ext2_super_block& super, std::uint64_t volume_size);

}  // namespace qcow2stream
