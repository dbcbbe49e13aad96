// SPDX-License-Identifier: GPL-2.0-or-later
//
// Finds out which format a volume has, and what of it nothing uses. Unknown means in use.

#pragma once

#include "filesystems/finding.h"
#include "filesystems/volume.h"

namespace qcow2stream {

// Throws Error only if the volume cannot be read.
Finding examine(const Volume& volume, Kinds kinds, FreeRuns& runs);

}  // namespace qcow2stream
