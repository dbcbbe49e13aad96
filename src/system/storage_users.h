// SPDX-License-Identifier: GPL-2.0-or-later
//
// Finds out who may write to a disk while it is read, as far as the kernel says.

#pragma once

#include <optional>
#include <string>

#include "system/storage.h"

namespace qcow2stream {

struct StorageUser {
  enum class Kind {
    kMount,  // a file system that is mounted read-write
    kSwap,   // swap space in use
    kLoop,   // a loop device that is another way to write to the end
  };
  Kind kind = Kind::kMount;
  std::string device;       // the name of the device by which the disk may be written to
  std::string mount_point;  // kMount only
};

// A file system that is mounted read-write from the end, from a partition of it, or from a device
// that stands on it; if there is none, swap space in one of these places, or a loop device. A swap
// file in a file system is no case of its own: the file system is mounted. Mounts that this process
// does not see are not found. A logical volume is no part of another one, nor is a snapshot a part
// of its origin.
std::optional<StorageUser> writing_user(const StorageFinder& finder, const Storage& end);

}  // namespace qcow2stream
