// SPDX-License-Identifier: GPL-2.0-or-later
#include "filesystems/examine.h"
#include "filesystems/volumes.h"
namespace qcow2stream {
[[gnu::weak]] std::vector<FoundVolume> find_volumes(const Volume& /*disk*/) { return {}; }
[[gnu::weak]] Finding examine(const Volume& /*volume*/, Kinds /*kinds*/, FreeRuns& /*runs*/) {
  return {.format = "unknown", .kept_because = "its format is not known here"};
}
[[gnu::weak]] Finding examine(const FoundVolume& found, Kinds kinds, FreeRuns& runs) {
  return examine(*found.volume, kinds, runs);
}
[[gnu::weak]] std::vector<VolumeRange> on_disk(const FoundVolume& /*found*/, VolumeRange run) {
  return {run};
}
}  // namespace qcow2stream
