// SPDX-License-Identifier: GPL-2.0-or-later

#include "system/qemu_locks.h"

#include <array>
#include <cerrno>
#include <span>

#include "base/errors.h"

namespace qcow2stream::qemu_locks {
namespace {

struct Wanted {
  std::span<const Permission> uses;
  std::span<const Permission> keeps_from_others;
};

constexpr std::array kReads = {kConsistentRead};
constexpr std::array kWrites = {kConsistentRead, kWrite, kResize};
constexpr std::array kNobodyWrites = {kWrite, kResize};

Wanted wanted(Role role) {
  if (role == Role::kReader) return {.uses = kReads, .keeps_from_others = kNobodyWrites};
  return {.uses = kWrites, .keeps_from_others = kNobodyWrites};
}

struct Lock {
  off_t byte;
  const char* meaning;  // where somebody else has it
};
constexpr std::array kTheirs = {
    Lock{used(kWrite), "QEMU has it open for writing"},
    Lock{used(kResize), "QEMU has it open for resizing"},
    Lock{kept_from_others(kConsistentRead), "QEMU lets nobody else read it"},
    Lock{kept_from_others(kWrite), "it is being read as an image"},
    Lock{kept_from_others(kResize), "QEMU lets nobody else resize it"},
};

bool is_against(const Wanted& wanted, off_t byte) {
  for (const Permission permission : wanted.uses) {
    if (kept_from_others(permission) == byte) return true;
  }
  for (const Permission permission : wanted.keeps_from_others) {
    if (used(permission) == byte) return true;
  }
  return false;
}

// Nothing is done if it is taken already.
Answer take_byte(int fd, off_t byte) {
  struct flock lock = bytes(byte, 1, F_RDLCK);
  if (::fcntl(fd, F_OFD_SETLK, &lock) == 0) return {};
  if (errno == EAGAIN || errno == EACCES) {
    return {.result = Answer::Result::kInUse, .reason = "another program has locked it"};
  }
  return {.result = Answer::Result::kUnsupported, .reason = errno_text(errno)};
}

// Asks whether the byte could be locked exclusively. Our own locks do not count.
Answer ask(int fd, const Lock& theirs) {
  struct flock lock = bytes(theirs.byte, 1, F_WRLCK);
  if (::fcntl(fd, F_OFD_GETLK, &lock) != 0) {
    return {.result = Answer::Result::kUnsupported, .reason = errno_text(errno)};
  }
  if (lock.l_type == F_UNLCK) return {};
  return {.result = Answer::Result::kInUse, .reason = theirs.meaning};
}

}  // namespace

// First ours are taken, then we look for theirs. Of two programs that do this at the same time at
// least one sees the other.
Answer take(int fd, Role role) {
  const Wanted want = wanted(role);
  Answer answer;
  const auto go_on = [&](const Answer& next) {
    answer = next;
    return answer.result == Answer::Result::kTaken;
  };
  for (const Permission permission : want.uses) {
    if (!go_on(take_byte(fd, used(permission)))) return answer;
  }
  for (const Permission permission : want.keeps_from_others) {
    if (!go_on(take_byte(fd, kept_from_others(permission)))) return answer;
  }
  for (const Lock& theirs : kTheirs) {
    if (is_against(want, theirs.byte) && !go_on(ask(fd, theirs))) return answer;
  }
  return answer;
}

void release(int fd) {
  const off_t first = used(kConsistentRead);
  struct flock lock = bytes(first, kept_from_others(kResize) + 1 - first, F_UNLCK);
  ::fcntl(fd, F_OFD_SETLK, &lock);
}

}  // namespace qcow2stream::qemu_locks
