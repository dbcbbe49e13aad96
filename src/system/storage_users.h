// SPDX-License-Identifier: GPL-2.0-or-later
//
// Who may write to a disk while it is read, as far as the kernel says.

#pragma once

#include <optional>
#include <string>

#include "system/storage.h"

namespace qcow2stream {

struct StorageUser {
  std::string device;       // its name
  std::string mount_point;  // of a file system on it that is mounted read-write; empty: of none
};

// A file system that is mounted read-write from the end, from a partition of it, or from a device
// that stands on it; otherwise a loop device that is another way to write to it. Nothing of mounts
// that this process does not see. A logical volume is no part of another one, nor a snapshot of its
// origin.
std::optional<StorageUser> writing_user(const StorageFinder& finder, const Storage& end);

}  // namespace qcow2stream
