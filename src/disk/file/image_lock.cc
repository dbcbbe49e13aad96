// SPDX-License-Identifier: GPL-2.0-or-later

#include "disk/file/image_lock.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <array>
#include <cerrno>

#include "base/errors.h"
#include "system/qemu_locks.h"

namespace qcow2stream {
namespace {

using namespace qemu_locks;

// The locks of a reader: it reads, and nobody may write or resize meanwhile.
constexpr std::array kOurs = {used(kConsistentRead), kept_from_others(kWrite),
                              kept_from_others(kResize)};

struct Conflict {
  off_t byte;
  const char* what;
};
constexpr std::array kTheirs = {
    Conflict{used(kWrite), "QEMU has it open for writing"},
    Conflict{used(kResize), "QEMU has it open for resizing"},
    Conflict{kept_from_others(kConsistentRead), "QEMU lets nobody else read it"},
};

[[noreturn]] void throw_in_use(const std::string& name, const std::string& reason) {
  throw Error(ErrorKind::kFailed, name, "is in use", reason)
      .about(ErrorSubject::kDisk)
      .advise(Advice::kForceShare);
}

}  // namespace

ImageLock::ImageLock(int fd, const std::string& name) : fd_(fd) {
  for (const off_t byte : kOurs) {
    struct flock lock = bytes(byte, 1, F_RDLCK);
    if (::fcntl(fd, F_OFD_SETLK, &lock) == 0) continue;
    if (errno == EAGAIN || errno == EACCES) throw_in_use(name, "another program has locked it");
    problem_ = errno_text(errno);
    return;
  }
  for (const Conflict& conflict : kTheirs) {
    // Asks whether the byte could be locked exclusively. Our own locks do not count.
    struct flock lock = bytes(conflict.byte, 1, F_WRLCK);
    if (::fcntl(fd, F_OFD_GETLK, &lock) != 0) {
      problem_ = errno_text(errno);
      return;
    }
    if (lock.l_type != F_UNLCK) throw_in_use(name, conflict.what);
  }
}

ImageLock::~ImageLock() {
  struct flock lock = bytes(kOurs.front(), kOurs.back() + 1 - kOurs.front(), F_UNLCK);
  ::fcntl(fd_, F_OFD_SETLK, &lock);
}

}  // namespace qcow2stream
