// SPDX-License-Identifier: GPL-2.0-or-later
//
// LD_PRELOAD library that makes system calls of the program under test fail:
//   FAULTS="CALL:WHEN:HOW ..."
// CALL is a function below, "output" (whatever writes to standard output) or "source" (whatever
// reads the disk, but for io_uring). WHEN is
//   N   the N-th call only
//   N+  from the N-th on
//   @N  byte N of the disk: calls stop before its block of 4 KiB, and fail where they begin in it
//   >N  N bytes have gone out: calls stop there, and fail from then on
// HOW is the name of an error, or "short" (half of what was asked for, at least one byte), or
// "storm" (the call fails with EINTR every other time), or, for "clock", "jump": each of its clocks
// jumps by days, to and fro, but the monotonic one, which goes ahead by an hour now and then.
// What the program starts goes without this library.

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <map>
#include <sstream>
#include <string>
#include <vector>

namespace {

const std::map<std::string, int> kErrors = {
    {"EINTR", EINTR},           {"EAGAIN", EAGAIN}, {"EINVAL", EINVAL}, {"EIO", EIO},
    {"ENOSPC", ENOSPC},         {"EXDEV", EXDEV},   {"ENOSYS", ENOSYS}, {"EPIPE", EPIPE},
    {"ECONNRESET", ECONNRESET}, {"EBADF", EBADF},   {"EFBIG", EFBIG},   {"EOPNOTSUPP", EOPNOTSUPP}};

constexpr std::int64_t kBlock = 4096;

enum class When { kCall, kFrom, kDiskByte, kWritten };

struct Fault {
  std::string call;
  std::string how;
  When when = When::kCall;
  std::int64_t number = 0;
  std::atomic<std::int64_t> seen = 0;
};

std::vector<Fault>& faults() {
  static std::vector<Fault>& list = *[] {
    std::istringstream text(std::getenv("FAULTS") != nullptr ? std::getenv("FAULTS") : "");
    std::vector<std::string> words;
    for (std::string word; text >> word;) words.push_back(word);
    auto* made = new std::vector<Fault>(words.size());
    for (std::size_t i = 0; i < words.size(); ++i) {
      Fault& fault = (*made)[i];
      std::istringstream parts(words[i]);
      std::string when;
      std::getline(parts, fault.call, ':');
      std::getline(parts, when, ':');
      std::getline(parts, fault.how);
      if (when.ends_with('+')) fault.when = When::kFrom;
      if (when.starts_with('@')) fault.when = When::kDiskByte;
      if (when.starts_with('>')) fault.when = When::kWritten;
      fault.number = std::atoll(when.c_str() + (fault.when >= When::kDiskByte ? 1 : 0));
    }
    return made;
  }();
  return list;
}

// Written to standard output so far.
std::atomic<std::int64_t> written = 0;

// What a call is about to do.
struct Call {
  const char* name;
  std::size_t& length;
  std::int64_t offset = -1;  // in the disk
  bool is_output = false;
};

bool fits(const Fault& fault, const Call& call) {
  return fault.call == call.name || (fault.call == "output" && call.is_output) ||
         (fault.call == "source" && call.offset >= 0);
}

// Whether it goes wrong now. A call that begins before the place where things go wrong ends there.
bool is_due(Fault& fault, const Call& call, std::int64_t n) {
  std::int64_t room = 0;
  switch (fault.when) {
    case When::kCall:
      return n == fault.number;
    case When::kFrom:
      return n >= fault.number;
    case When::kDiskByte:
      room = fault.number / kBlock * kBlock - call.offset;
      if (room <= -kBlock) return false;
      break;
    case When::kWritten:
      room = fault.number - written;
      break;
  }
  if (room > 0) call.length = std::min(call.length, static_cast<std::size_t>(room));
  return room <= 0;
}

// Whether the call fails now (errno is set), or how long it may be.
bool inject(const Call& call) {
  for (Fault& fault : faults()) {
    if (!fits(fault, call)) continue;
    const std::int64_t n = ++fault.seen;
    if (!is_due(fault, call, n)) continue;
    if (fault.how == "short") {
      call.length = std::max<std::size_t>(1, call.length / 2);
    } else if (fault.how == "storm") {
      if (n % 2 == 0) continue;
      errno = EINTR;
      return true;
    } else {
      errno = kErrors.at(fault.how);
      return true;
    }
  }
  return false;
}

ssize_t counted(int fd, ssize_t n) {
  if (fd == STDOUT_FILENO && n > 0) written += n;
  return n;
}

std::int64_t offset_of(const off64_t* at) {
  return at != nullptr ? *at : -1;
}

// How far a clock is off by now.
std::int64_t jump(clockid_t clock) {
  for (Fault& fault : faults()) {
    if (fault.call != "clock") continue;
    const std::int64_t n = ++fault.seen;
    if (clock == CLOCK_REALTIME) return (n % 2 == 0 ? 1 : -1) * 86400 * (n % 7);
    if (clock == CLOCK_MONOTONIC) return n / 4 * 3600;
  }
  return 0;
}

[[gnu::constructor]] void keep_from_children() {
  ::unsetenv("LD_PRELOAD");
}

template <class Function>
Function* next(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

extern "C" {

ssize_t write(int fd, const void* data, std::size_t length) {
  static auto* real = next<decltype(write)>("write");
  // Messages are not what is tested.
  if (fd != STDOUT_FILENO) return real(fd, data, length);
  if (inject({.name = "write", .length = length, .is_output = true})) return -1;
  return counted(fd, real(fd, data, length));
}

ssize_t read(int fd, void* data, std::size_t length) {
  static auto* real = next<decltype(read)>("read");
  if (fd == STDIN_FILENO && inject({.name = "read", .length = length})) return -1;
  return real(fd, data, length);
}

ssize_t pwrite64(int fd, const void* data, std::size_t length, off64_t offset) {
  static auto* real = next<decltype(pwrite64)>("pwrite64");
  return inject({.name = "pwrite", .length = length}) ? -1 : real(fd, data, length, offset);
}

int ftruncate64(int fd, off64_t size) noexcept {
  static auto* real = next<decltype(ftruncate64)>("ftruncate64");
  std::size_t length = 0;
  return inject({.name = "ftruncate", .length = length}) ? -1 : real(fd, size);
}

// Files without a name only.
int open64(const char* path, int flags, ...) {
  static auto* real = next<decltype(open64)>("open64");
  va_list rest;
  va_start(rest, flags);
  const mode_t mode =
      (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  std::size_t length = 0;
  if ((flags & O_TMPFILE) == O_TMPFILE && inject({.name = "tmpfile", .length = length})) return -1;
  return real(path, flags, mode);
}

ssize_t pread64(int fd, void* data, std::size_t length, off64_t offset) {
  static auto* real = next<decltype(pread64)>("pread64");
  if (inject({.name = "pread", .length = length, .offset = offset})) return -1;
  return real(fd, data, length, offset);
}

// Of one piece, as the program has it.
ssize_t preadv64v2(int fd, const iovec* pieces, int count, off64_t offset, int flags) {
  static auto* real = next<decltype(preadv64v2)>("preadv64v2");
  iovec piece = pieces[0];
  if (count != 1) return real(fd, pieces, count, offset, flags);
  if (inject({.name = "preadv2", .length = piece.iov_len, .offset = offset})) return -1;
  return real(fd, &piece, 1, offset, flags);
}

ssize_t splice(int from, off64_t* from_at, int to, off64_t* to_at, std::size_t length,
               unsigned flags) {
  static auto* real = next<decltype(splice)>("splice");
  if (inject({.name = "splice",
              .length = length,
              .offset = offset_of(from_at),
              .is_output = to == STDOUT_FILENO})) {
    return -1;
  }
  return counted(to, real(from, from_at, to, to_at, length, flags));
}

ssize_t sendfile64(int to, int from, off64_t* from_at, std::size_t length) noexcept {
  static auto* real = next<decltype(sendfile64)>("sendfile64");
  if (inject({.name = "sendfile",
              .length = length,
              .offset = offset_of(from_at),
              .is_output = to == STDOUT_FILENO})) {
    return -1;
  }
  return counted(to, real(to, from, from_at, length));
}

ssize_t copy_file_range(int from, off64_t* from_at, int to, off64_t* to_at, std::size_t length,
                        unsigned flags) {
  static auto* real = next<decltype(copy_file_range)>("copy_file_range");
  if (inject({.name = "copy_file_range",
              .length = length,
              .offset = offset_of(from_at),
              .is_output = to == STDOUT_FILENO})) {
    return -1;
  }
  return counted(to, real(from, from_at, to, to_at, length, flags));
}

off64_t lseek64(int fd, off64_t offset, int whence) noexcept {
  static auto* real = next<decltype(lseek64)>("lseek64");
  std::size_t length = 0;
  return inject({.name = "lseek", .length = length}) ? -1 : real(fd, offset, whence);
}

int fsync(int fd) {
  static auto* real = next<decltype(fsync)>("fsync");
  std::size_t length = 0;
  return inject({.name = "fsync", .length = length}) ? -1 : real(fd);
}

int close(int fd) {
  static auto* real = next<decltype(close)>("close");
  std::size_t length = 0;
  if (fd == STDOUT_FILENO && inject({.name = "close", .length = length})) {
    real(fd);
    errno = EIO;
    return -1;
  }
  return real(fd);
}

int clock_gettime(clockid_t clock, timespec* now) noexcept {
  static auto* real = next<decltype(clock_gettime)>("clock_gettime");
  const int result = real(clock, now);
  if (result == 0) now->tv_sec += jump(clock);
  return result;
}

int gettimeofday(timeval* __restrict now, void* __restrict zone) noexcept {
  static auto* real = next<decltype(gettimeofday)>("gettimeofday");
  const int result = real(now, zone);
  if (result == 0) now->tv_sec += jump(CLOCK_REALTIME);
  return result;
}

time_t time(time_t* now) noexcept {
  static auto* real = next<decltype(time)>("time");
  const time_t result = real(nullptr) + jump(CLOCK_REALTIME);
  if (now != nullptr) *now = result;
  return result;
}

}  // extern "C"
