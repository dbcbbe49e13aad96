// SPDX-License-Identifier: GPL-2.0-or-later
//
// QEMU's locks on an image file: byte 100 + n is locked, shared, by who uses permission n, and byte
// 200 + n by who does not let others have it (QEMU: block/file-posix.c, RAW_LOCK_PERM_BASE and
// RAW_LOCK_SHARED_BASE; permission numbers: include/block/block-common.h). So a disk that a virtual
// machine writes to can be told, and no machine starts to write to one that is being read.

#pragma once

#include <optional>
#include <string>

namespace qcow2stream {

// The locks that `qemu-img convert` takes on what it reads. They belong to the open file and end
// with it, at the latest.
class ImageLock {
 public:
  // `fd` is open for reading and outlives the object; nobody else has locks through it. Throws
  // Error{kFailed} if somebody has locked what a reader needs.
  ImageLock(int fd, const std::string& name);
  ~ImageLock();
  ImageLock(const ImageLock&) = delete;
  ImageLock& operator=(const ImageLock&) = delete;

  // Why nothing is locked, where the file system has no locks.
  [[nodiscard]] const std::optional<std::string>& problem() const { return problem_; }

 private:
  int fd_;
  std::optional<std::string> problem_;
};

}  // namespace qcow2stream
