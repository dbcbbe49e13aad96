// SPDX-License-Identifier: GPL-2.0-or-later
//
// Takes QEMU's locks (system/qemu_locks.h) on what is read. With them we see that a virtual machine
// writes to a disk, and no machine starts to write to a disk that is being read.

#pragma once

#include <optional>
#include <string>

namespace qcow2stream {

// Holds the locks that `qemu-img convert` takes on what it reads. They belong to the open file and
// end with it, at the latest.
class ImageLock {
 public:
  // `fd` must be open for reading and outlive the object, and nobody else may take locks through
  // it. Throws Error{kFailed} if somebody has locked what a reader needs.
  ImageLock(int fd, const std::string& name);
  ~ImageLock();
  ImageLock(const ImageLock&) = delete;
  ImageLock& operator=(const ImageLock&) = delete;

  // Why nothing is locked, if the file system has no locks.
  [[nodiscard]] const std::optional<std::string>& problem() const { return problem_; }

 private:
  int fd_;
  std::optional<std::string> problem_;
};

}  // namespace qcow2stream
