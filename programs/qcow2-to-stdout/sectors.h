// SPDX-License-Identifier: GPL-2.0-or-later
//
// A partition table counts in the sectors of the disk that it was made on.

#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "qcow2stream/disk.h"

namespace qcow2stream::cli {

// What to do if machines, whose disks have sectors of 512 bytes unless told otherwise, would not
// find the partitions of the image: `device` (0: DISK is none) has larger ones and DISK no GPT that
// was made for 512, or DISK has a GPT that was made for 4096. Reads here and there, so it is not
// for a disk that can be read only once.
std::optional<std::string> warning_about_sectors(const Disk& disk, dev_t device);

}  // namespace qcow2stream::cli
