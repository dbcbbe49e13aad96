// SPDX-License-Identifier: GPL-2.0-or-later
//
// A block device of which only the number is known, to be asked with ioctls.

#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "system/block_device.h"
#include "system/fd.h"

namespace qcow2stream {

// The kernel's own name for a device, without a directory.
struct DeviceName {
  dev_t device = 0;
  std::string name;
};

// All that /proc/partitions has: disks and partitions, not empty ones.
std::vector<DeviceName> partition_names(const SystemRoots& roots);

// `fd`, if that is this device and can be asked; otherwise the device is opened for reading, under
// a name in /dev or, by who may make one, under a name of its own that does not stay.
class DeviceHandle {
 public:
  DeviceHandle(dev_t device, int fd, const SystemRoots& roots);
  // -1: it cannot be opened.
  [[nodiscard]] int get() const { return fd_; }

 private:
  UniqueFd own_;
  int fd_ = -1;
};

}  // namespace qcow2stream
