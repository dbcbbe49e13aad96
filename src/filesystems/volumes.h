// SPDX-License-Identifier: GPL-2.0-or-later
//
// The volumes of a disk: its partitions, the logical volumes that lie on them, or the disk itself
// where it has no partition table. What lies in none of them is in use: tables, boot loaders, gaps.

#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "filesystems/finding.h"
#include "filesystems/volume.h"

namespace qcow2stream {

// A stretch of a volume that lies on the disk as a whole.
struct Piece {
  VolumeOffset at;      // in the volume
  VolumeRange on_disk;  // the disk is a volume, too
};

struct FoundVolume {
  std::string name;                // "partition 2", "LVM volume vg/root", "disk"
  std::unique_ptr<Volume> volume;  // never null; refers to the disk
  // In the order of the volume and without gaps: all of it. Pieces of different volumes never
  // overlap, and all lie within the disk. Empty where it is not known where the volume lies.
  std::vector<Piece> pieces;
  // If set, nothing of it is left out, and it must not be examined.
  std::optional<Finding> refused;
};

// In the order of the tables. A table that is damaged, ambiguous or lies makes one volume of the
// disk, which is refused. Throws Error only if the disk cannot be read. `disk` must outlive the
// volumes.
std::vector<FoundVolume> find_volumes(const Volume& disk);

// What of it nothing uses, or why it was refused.
Finding examine(const FoundVolume& found, Kinds kinds, FreeRuns& runs);

// Where a run of the volume lies. REQUIRES: it lies within the volume, whose pieces are known.
std::vector<VolumeRange> on_disk(const FoundVolume& found, VolumeRange run);

}  // namespace qcow2stream
