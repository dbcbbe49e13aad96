// SPDX-License-Identifier: GPL-2.0-or-later
//
// A Volume as what libntfs-3g reads from. Its requests to write are refused.

#pragma once

#include <cstdint>
#include <exception>

#include "filesystems/volume.h"

struct ntfs_device_operations;

namespace qcow2stream {

// What the library calls a device.
struct NtfsDevice {
  const Volume* volume = nullptr;
  std::int64_t position = 0;
  std::exception_ptr error;  // what the volume has thrown, which must not go through C
};

// For a device whose private data is an NtfsDevice.
ntfs_device_operations* ntfs_operations();

}  // namespace qcow2stream
