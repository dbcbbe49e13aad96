// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "filesystems/volume.h"
namespace qcow2stream {
struct VolumePiece {
  VolumeOffset in_volume;
  VolumeRange on_disk;
};
struct FoundVolume {
  std::string name;
  std::unique_ptr<Volume> volume;
  std::vector<VolumePiece> pieces;
};
std::vector<FoundVolume> find_volumes(const Volume& disk);
}  // namespace qcow2stream
