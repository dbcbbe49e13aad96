// SPDX-License-Identifier: GPL-2.0-or-later
//
// Disks that are a regular file or a block device.

#pragma once

#include <memory>
#include <string>

#include "qcow2stream/disk.h"

namespace qcow2stream {

struct FileOptions {
  // Whether somebody else may write to the file meanwhile. Otherwise QEMU's locks are taken as
  // `qemu-img convert` does (shared, on single bytes from 100 on; QEMU's block/file-posix.c) and
  // held as long as the disk lives. caveats() tells where the file system has no locks.
  bool force_share = false;
};

// Opens a regular file or a block device for reading and takes its stamp. The descriptor is
// close-on-exec and owned by the disk. Throws Error{kFailed}: no such file, a directory, no
// permission, not a regular file or block device, a size that the kernel does not tell, a QEMU that
// has it open for writing.
std::shared_ptr<const Disk> open_disk(const std::string& path, const FileOptions& options = {});

// The same for a file or block device that is open for reading as `fd`, from its first byte,
// wherever `fd` stands. `fd` may be closed afterwards; its position stays as it is or, where the
// file cannot be opened once more, is put back when the disk goes. `name` is used in errors.
std::shared_ptr<const Disk> open_disk(int fd, const std::string& name,
                                      const FileOptions& options = {});

// Whether `fd` is a regular file or a block device that stands at its first byte, so that
// open_disk(fd, name) takes what reading it would. False for what is not open.
bool can_be_sought(int fd) noexcept;

}  // namespace qcow2stream
