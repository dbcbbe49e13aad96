// SPDX-License-Identifier: GPL-2.0-or-later
//
// Says what the volumes of a whole disk are, and what of each need not be in an image, without any
// confinement:
//   volumes [--swap] [--no-runs] [--zero] IMAGE
//   {"read": BYTES, "seconds": N, "volumes": [{"name": "partition 1", "size": BYTES,
//     "format": "xfs", "label": "...", "block_size": N, "used": BYTES, "free": BYTES,
//     "kept_because": "...", "remedy": "...", "pieces": [[AT, ON_DISK, LENGTH], ...],
//     "left_out": BYTES, "runs": [[BEGIN, LENGTH, "free"], ...]}, ...]}
// Runs are those of the disk. With --zero they become holes of the file.

#include <chrono>
#include <nlohmann/json.hpp>

#include "filesystems/volumes.h"
#include "tools/examined.h"
#include "volume_testing.h"

namespace {

using namespace qcow2stream;
using nlohmann::json;
using testing::ExaminedImage;

json examined(const FoundVolume& found, const ExaminedImage& image) {
  testing::CollectedRuns collected;
  const Finding finding = examine(found, image.kinds, collected);
  json volume = testing::json_of(finding);
  volume["name"] = found.name;
  volume["label"] = finding.name;
  volume["size"] = found.volume->size();
  volume["pieces"] = json::array();
  volume["left_out"] = 0;
  for (const Piece& piece : found.pieces)
    volume["pieces"].push_back(
        {piece.at.value(), piece.on_disk.begin.value(), piece.on_disk.length});
  if (finding.kept()) return volume;
  const auto runs = testing::runs_on_disk(found, collected);
  volume["left_out"] = testing::sum_of(runs);
  volume["runs"] = testing::left_out(image, runs);
  return volume;
}

json all_examined(const ExaminedImage& image) {
  const auto begin = std::chrono::steady_clock::now();
  const testing::FileVolume disk(image.path);
  json volumes = json::array();
  for (const FoundVolume& found : find_volumes(disk)) volumes.push_back(examined(found, image));
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  return {{"read", disk.bytes_read()}, {"seconds", took.count()}, {"volumes", volumes}};
}

}  // namespace

int main(int argc, char** argv) {
  return testing::print_examined(argc, argv, all_examined);
}
