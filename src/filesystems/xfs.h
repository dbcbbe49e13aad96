// SPDX-License-Identifier: GPL-2.0-or-later
//
// XFS, versions 4 and 5. What is free is what the B-trees of free space of each allocation group
// say, by block number and by length: both must hold the same runs, whose sum must be that of the
// group and of the superblock. That is the second witness of version 4, which has no checksums; of
// version 5 all checksums are verified besides. What these trees do not hold is in use: metadata,
// blocks that a group keeps ready for its trees (AGFL), staging blocks of copy-on-write. A realtime
// section lies on another device.

#pragma once

#include "filesystems/finding.h"
#include "filesystems/volume.h"

namespace qcow2stream {

// Throws Error only if the volume cannot be read.
Finding examine_xfs(const Volume& volume, Kinds kinds, FreeRuns& runs);

}  // namespace qcow2stream
