// SPDX-License-Identifier: GPL-2.0-or-later
//
// ext2, ext3 and ext4.
//
// What is free is what the block bitmaps call free. They are believed where they carry checksums
// (metadata_csum); where they do not, no inode that is in use may refer to a free block. In either
// case the counts of the group descriptors and of the superblock must agree with them, and the file
// system's own tables must be marked as used.
//
// A file system whose journal has not been replayed is looked at as it will be after that, and what
// the bitmaps on disk or any copy of one in the journal call used is in use besides.

#pragma once

#include "filesystems/finding.h"
#include "filesystems/volume.h"

namespace qcow2stream {

// Whatever is odd is a reason in the Finding to keep all. Throws only what `volume` throws.
Finding examine_ext(const Volume& volume, Kinds kinds, FreeRuns& runs);

}  // namespace qcow2stream
