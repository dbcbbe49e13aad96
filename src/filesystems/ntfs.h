// SPDX-License-Identifier: GPL-2.0-or-later
//
// NTFS.
//
// What is free is what $Bitmap calls free. It carries no checksum, so no record of the file table
// that is in use may refer to a cluster that it calls free. Windows must have unmounted the volume
// and must not be hibernated: its log clean, no flag set, no hiberfil.sys with something in it.

#pragma once

#include "filesystems/finding.h"
#include "filesystems/volume.h"

namespace qcow2stream {

// Whatever is odd is a reason in the Finding to keep all. Throws only what `volume` throws.
Finding examine_ntfs(const Volume& volume, Kinds kinds, FreeRuns& runs);

}  // namespace qcow2stream
