// SPDX-License-Identifier: GPL-2.0-or-later
//
// QEMU's locks on an image file: byte 100 + n is locked, shared, by who uses permission n, and byte
// 200 + n by who does not let others have it (QEMU: block/file-posix.c, RAW_LOCK_PERM_BASE and
// RAW_LOCK_SHARED_BASE; permission numbers: include/block/block-common.h).

#pragma once

#include <fcntl.h>

namespace qcow2stream::qemu_locks {

// BLK_PERM_..., as bit numbers.
enum Permission : off_t { kConsistentRead = 0, kWrite = 1, kResize = 3 };

constexpr off_t used(Permission permission) {
  return 100 + permission;
}
constexpr off_t kept_from_others(Permission permission) {
  return 200 + permission;
}

// A record for fcntl(): so many bytes from `first`; F_RDLCK is shared, F_WRLCK exclusive.
inline struct flock bytes(off_t first, off_t count, int type) {
  struct flock lock {};
  lock.l_type = static_cast<decltype(lock.l_type)>(type);
  lock.l_whence = SEEK_SET;
  lock.l_start = first;
  lock.l_len = count;
  return lock;
}

// Whether somebody else has the file `fd` open as an image and reads it: QEMU (whose servers do not
// keep writers out), or this program. Where that cannot be asked, nobody does. Thread-safe.
inline bool is_being_read(int fd) {
  struct flock lock = bytes(used(kConsistentRead), 1, F_WRLCK);
  return ::fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

}  // namespace qcow2stream::qemu_locks
