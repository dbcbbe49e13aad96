// SPDX-License-Identifier: GPL-2.0-or-later
//
// Opens a block device of which only the number is known, so that it can be asked with ioctls.

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

// All devices in /proc/partitions, which are disks and partitions that are not empty.
std::vector<DeviceName> partition_names(const SystemRoots& roots);

// Is `fd`, if that is this device and can be asked. Otherwise the device is opened for reading, by
// its name in /dev or, if we may make one, by a name of its own that does not stay.
class DeviceHandle {
 public:
  DeviceHandle(dev_t device, int fd, const SystemRoots& roots);
  // The descriptor, or -1 if the device cannot be opened.
  [[nodiscard]] int get() const { return fd_; }

 private:
  UniqueFd own_;
  int fd_ = -1;
};

}  // namespace qcow2stream
