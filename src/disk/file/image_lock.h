// SPDX-License-Identifier: GPL-2.0-or-later
//
// QEMU's locks (base/qemu_locks.h) on what is read: so a disk that a virtual machine writes to can
// be told, and no machine starts to write to one that is being read.

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
