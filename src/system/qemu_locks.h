// SPDX-License-Identifier: GPL-2.0-or-later
//
// QEMU's locks on an image file. A program that uses permission n has a shared lock on byte 100 +
// n, and one that does not let others have it on byte 200 + n (QEMU: block/file-posix.c,
// RAW_LOCK_PERM_BASE and RAW_LOCK_SHARED_BASE; the numbers stand in include/block/block-common.h).

#pragma once

#include <fcntl.h>

#include <string>

namespace qcow2stream::qemu_locks {

// QEMU's BLK_PERM_..., as numbers of bits.
enum Permission : off_t { kConsistentRead = 0, kWrite = 1, kResize = 3 };

constexpr off_t used(Permission permission) {
  return 100 + permission;
}
constexpr off_t kept_from_others(Permission permission) {
  return 200 + permission;
}

// A record for fcntl() of `count` bytes from `first` on. F_RDLCK is a shared lock, F_WRLCK an
// exclusive one.
inline struct flock bytes(off_t first, off_t count, int type) {
  struct flock lock {};
  lock.l_type = static_cast<decltype(lock.l_type)>(type);
  lock.l_whence = SEEK_SET;
  lock.l_start = first;
  lock.l_len = count;
  return lock;
}

// Whether somebody else has the file `fd` open as an image and reads it: QEMU, whose servers do not
// keep writers out, or this program. False if that cannot be asked. Thread-safe.
inline bool is_being_read(int fd) {
  struct flock lock = bytes(used(kConsistentRead), 1, F_WRLCK);
  return ::fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

// Whether somebody else has it open as an image and may write to it.
inline bool is_being_written(int fd) {
  struct flock lock = bytes(used(kWrite), 1, F_WRLCK);
  return ::fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

enum class Role {
  kReader,  // reads, and nobody may write or resize meanwhile: as `qemu-img convert` has a source
  kWriter,  // reads, writes and resizes, and nobody else may write or resize: as it has its target
};

struct Answer {
  enum class Result {
    kTaken,
    kInUse,        // somebody else has a lock that forbids it
    kUnsupported,  // the file system has no locks
  };
  Result result = Result::kTaken;
  std::string reason;  // unless they are taken: one line
};

// Takes the locks. They belong to the open file: closing its last descriptor releases them. `fd`
// must be open for reading, and nobody else may take such locks through it.
Answer take(int fd, Role role);

// Releases all locks that take() has taken.
void release(int fd);

}  // namespace qcow2stream::qemu_locks
