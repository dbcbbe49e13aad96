// SPDX-License-Identifier: GPL-2.0-or-later
//
// Physical volumes of LVM2, with the metadata in the form of text that they hold. Only what is
// plain is taken: a volume group of one physical volume, with logical volumes that lie on it as
// they are, in one or more segments. Anything that is built on other logical volumes (snapshots,
// thin and cached ones, mirrors, one that is being moved) is kept, and so is what it is built on.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "filesystems/volume.h"
#include "filesystems/volumes.h"

namespace qcow2stream {

struct LvmVolume {
  std::string name;
  std::uint64_t size = 0;  // bytes
  // Where it lies on the physical volume, which is the "disk" here.
  std::vector<Piece> pieces;
  std::string kept_because;  // as in Finding; then there are no pieces
};

struct LvmGroup {
  std::string name;
  std::string id;
  std::string physical_id;
  std::vector<LvmVolume> volumes;
};

// The volume group on a volume that has LVM's signature. Throws Kept unless all of its metadata is
// whole and known here.
LvmGroup read_lvm(const Volume& physical);

// What a physical volume says of itself.
struct LvmLabel {
  std::string id;    // without dashes
  std::string text;  // the metadata of its volume group
};
LvmLabel read_lvm_label(const Volume& physical);

}  // namespace qcow2stream
