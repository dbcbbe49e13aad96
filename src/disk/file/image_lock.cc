// SPDX-License-Identifier: GPL-2.0-or-later

#include "disk/file/image_lock.h"

#include "qcow2stream/error.h"
#include "system/qemu_locks.h"

namespace qcow2stream {

ImageLock::ImageLock(int fd, const std::string& name) : fd_(fd) {
  using Result = qemu_locks::Answer::Result;
  const qemu_locks::Answer answer = qemu_locks::take(fd, qemu_locks::Role::kReader);
  if (answer.result == Result::kInUse) {
    throw Error(ErrorKind::kFailed, name, "is in use", answer.reason)
        .about(ErrorSubject::kDisk)
        .advise(Advice::kForceShare);
  }
  if (answer.result == Result::kUnsupported) problem_ = answer.reason;
}

ImageLock::~ImageLock() {
  qemu_locks::release(fd_);
}

}  // namespace qcow2stream
