// SPDX-License-Identifier: GPL-2.0-or-later
//
// The second witness for block bitmaps without checksums: what inodes refer to.

#pragma once

#include <cstdint>

#include "filesystems/ext_io.h"
#include "filesystems/unit_runs.h"

namespace qcow2stream {

// Goes through all inodes that are in use. Throws Kept if one of them has a block in one of the
// runs of free blocks, or if an inode bitmap does not agree with its count.
void check_ext_inodes(const ExtFilesystem& filesystem, const RunList& free, std::uint64_t used);

}  // namespace qcow2stream
