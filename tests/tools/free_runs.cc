// SPDX-License-Identifier: GPL-2.0-or-later
//
// Says what of a file system need not be in an image, without any confinement:
//   free-runs [--as ext|ntfs] [--swap] [--no-runs] [--zero] IMAGE
//   {"format": "ext4", "name": "...", "block_size": N, "used": BYTES, "free": BYTES,
//    "kept_because": "...", "remedy": "...", "read": BYTES, "runs": [[BEGIN, LENGTH, "free"], ...]}
// Without --as the format is found out. --swap looks for swap files, too. With --zero, what is said
// to be left out becomes a hole of the file.

#include <nlohmann/json.hpp>
#include <stdexcept>

#include "filesystems/examine.h"
#include "filesystems/ext.h"
#include "filesystems/ntfs.h"
#include "tools/examined.h"
#include "volume_testing.h"

namespace {

using namespace qcow2stream;
using testing::ExaminedImage;

Finding finding_of(const ExaminedImage& image, const Volume& volume, FreeRuns& runs) {
  if (image.format == "ext") return examine_ext(volume, image.kinds, runs);
  if (image.format == "ntfs") return examine_ntfs(volume, image.kinds, runs);
  return examine(volume, image.kinds, runs);
}

nlohmann::json examined(const ExaminedImage& image) {
  const testing::FileVolume volume(image.path);
  testing::CollectedRuns collected;
  const Finding finding = finding_of(image, volume, collected);
  auto runs = collected.in_order();
  if (const auto fault = testing::fault_of(runs, volume.size()); !fault.empty())
    throw std::runtime_error(fault);
  if (finding.kept()) runs.clear();
  nlohmann::json json = testing::json_of(finding);
  json["name"] = finding.name;
  json["read"] = volume.bytes_read();
  json["runs"] = testing::left_out(image, runs);
  return json;
}

}  // namespace

int main(int argc, char** argv) {
  return testing::print_examined(argc, argv, examined);
}
