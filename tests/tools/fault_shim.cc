// SPDX-License-Identifier: GPL-2.0-or-later
//
// LD_PRELOAD library that makes system calls of the program under test fail:
//   FAULTS="CALL:WHEN:HOW ..."
// CALL is a function below, "output" (whatever writes to standard output), "source" (whatever
// reads the disk, but for io_uring), "holes" (asking where data or a hole begins), "lock" (taking a
// lock of QEMU's), "getlock" (looking at one), or "file-" with open, write, read, ftruncate or
// close (for writing): of the files whose name contains $FAULT_FILE. WHEN is
//   N   the N-th call only
//   N+  from the N-th on
//   @N  byte N of the disk: calls stop before its block of 4 KiB, and fail where they begin in it
//   >N  N bytes have gone out (into the file, for file-write): calls stop there, and fail from then
//   on
// HOW is the name of an error, or "short" (half of what was asked for, at least one byte), or
// "storm" (the call fails with EINTR every other time), or, for "clock", "jump": each of its clocks
// jumps by days, to and fro, but the monotonic one, which goes ahead by an hour now and then; or,
// for "poll", "skip": when it has waited in vain for a moment, the rest of its time is over at
// once; or "stall": the call takes a minute; or "late": it begins a moment later; or, for "holes",
// "stay", "back" or "beyond": the answer is the place that was asked for, one before it, or one
// behind the end of every file. What the program starts goes without this library, but what it
// forks and does not replace has it.

#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string_view>

#include "faults.h"

using faults::counted;
using faults::fails;
using faults::inject;
using faults::Target;

namespace {

std::array<std::atomic<bool>, 1024> is_file{};  // by descriptor

// Of a descriptor that is not too high for it.
std::atomic<bool>* file_mark(int fd) {
  const auto index = static_cast<std::size_t>(fd);  // a negative one is too high
  return index < is_file.size() ? &is_file[index] : nullptr;
}

void remember(int fd, bool is_it) {
  if (std::atomic<bool>* mark = file_mark(fd)) *mark = is_it;
}

Target target_of(int fd) {
  if (fd == STDOUT_FILENO) return Target::kOutput;
  const std::atomic<bool>* mark = file_mark(fd);
  return mark != nullptr && *mark ? Target::kFile : Target::kOther;
}

std::int64_t offset_of(const off64_t* at) {
  return at != nullptr ? *at : -1;
}

[[gnu::constructor]] void keep_from_children() {
  ::unsetenv("LD_PRELOAD");
}

template <class Function>
Function* next(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

void move(timespec& time, std::int64_t nanoseconds) {
  constexpr std::int64_t kSecond = 1'000'000'000;
  const std::int64_t sum = time.tv_nsec + nanoseconds % kSecond;
  time.tv_sec += nanoseconds / kSecond + (sum >= kSecond ? 1 : 0);
  time.tv_nsec = sum % kSecond;
}

}  // namespace

extern "C" {

ssize_t write(int fd, const void* data, std::size_t length) {
  static auto* real = next<decltype(write)>("write");
  const Target target = target_of(fd);
  // Messages are not what is tested.
  if (target == Target::kOther) return real(fd, data, length);
  if (inject({.name = "write", .length = length, .target = target, .writes = true})) return -1;
  return counted(target, real(fd, data, length));
}

ssize_t read(int fd, void* data, std::size_t length) {
  static auto* real = next<decltype(read)>("read");
  const Target target = target_of(fd);
  const bool is_tested = fd == STDIN_FILENO || target == Target::kFile;
  if (is_tested && inject({.name = "read", .length = length, .target = target})) return -1;
  return real(fd, data, length);
}

ssize_t pwrite64(int fd, const void* data, std::size_t length, off64_t offset) {
  static auto* real = next<decltype(pwrite64)>("pwrite64");
  return inject({.name = "pwrite", .length = length}) ? -1 : real(fd, data, length, offset);
}

int ftruncate64(int fd, off64_t size) noexcept {
  static auto* real = next<decltype(ftruncate64)>("ftruncate64");
  return fails("ftruncate", target_of(fd)) ? -1 : real(fd, size);
}

// Files without a name, and the one that is meant.
int open64(const char* path, int flags, ...) {
  static auto* real = next<decltype(open64)>("open64");
  va_list rest;
  va_start(rest, flags);
  const bool is_unnamed = (flags & O_TMPFILE) == O_TMPFILE;
  const mode_t mode = (flags & O_CREAT) != 0 || is_unnamed ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  if (is_unnamed && fails("tmpfile")) return -1;
  const bool is_it = faults::is_the_file(path);
  if (is_it && fails("open", Target::kFile)) return -1;
  const int fd = real(path, flags, mode);
  if (is_it) remember(fd, true);
  return fd;
}

// That of std::ifstream.
FILE* fopen64(const char* path, const char* mode) {
  static auto* real = next<decltype(fopen64)>("fopen64");
  const bool is_it = faults::is_the_file(path);
  if (is_it && fails("open", Target::kFile)) return nullptr;
  FILE* file = real(path, mode);
  if (is_it && file != nullptr) remember(::fileno(file), true);
  return file;
}

int fcntl64(int fd, int command, ...) {
  static auto* real = next<decltype(fcntl64)>("fcntl64");
  va_list rest;
  va_start(rest, command);
  void* argument = va_arg(rest, void*);
  va_end(rest);
  if (command == F_OFD_SETLK && fails("lock")) return -1;
  if (command == F_OFD_GETLK && fails("getlock")) return -1;
  const int result = real(fd, command, argument);
  if (command == F_DUPFD_CLOEXEC) remember(result, target_of(fd) == Target::kFile);
  return result;
}

int pipe2(int* fds, int flags) noexcept {
  static auto* real = next<decltype(pipe2)>("pipe2");
  if (fails("pipe2")) return -1;
  const int result = real(fds, flags);
  if (result == 0) remember(fds[1], faults::is_the_file("pipe:"));
  return result;
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
              .target = target_of(to),
              .writes = true})) {
    return -1;
  }
  return counted(target_of(to), real(from, from_at, to, to_at, length, flags));
}

ssize_t sendfile64(int to, int from, off64_t* from_at, std::size_t length) noexcept {
  static auto* real = next<decltype(sendfile64)>("sendfile64");
  if (inject({.name = "sendfile",
              .length = length,
              .offset = offset_of(from_at),
              .target = target_of(to),
              .writes = true})) {
    return -1;
  }
  return counted(target_of(to), real(to, from, from_at, length));
}

ssize_t copy_file_range(int from, off64_t* from_at, int to, off64_t* to_at, std::size_t length,
                        unsigned flags) {
  static auto* real = next<decltype(copy_file_range)>("copy_file_range");
  if (inject({.name = "copy_file_range",
              .length = length,
              .offset = offset_of(from_at),
              .target = target_of(to),
              .writes = true})) {
    return -1;
  }
  return counted(target_of(to), real(from, from_at, to, to_at, length, flags));
}

off64_t lseek64(int fd, off64_t offset, int whence) noexcept {
  static auto* real = next<decltype(lseek64)>("lseek64");
  if (fails("lseek")) return -1;
  if (whence != SEEK_DATA && whence != SEEK_HOLE) return real(fd, offset, whence);
  const std::string_view lie = faults::lie("holes");
  if (lie == "fails") return -1;
  if (lie == "stay") return offset;
  if (lie == "back") return offset / 2;
  if (lie == "beyond") return std::int64_t{1} << 60;
  return real(fd, offset, whence);
}

int fsync(int fd) {
  static auto* real = next<decltype(fsync)>("fsync");
  return fails("fsync") ? -1 : real(fd);
}

int close(int fd) {
  static auto* real = next<decltype(close)>("close");
  const Target target = target_of(fd);
  // A file that was only looked at has nothing to lose when it is closed.
  const bool is_for_writing = (::fcntl(fd, F_GETFL) & O_ACCMODE) != O_RDONLY;
  remember(fd, false);
  if (target == Target::kOther || !is_for_writing || !fails("close", target)) return real(fd);
  const int error = errno;
  real(fd);
  errno = error;
  return -1;
}

ssize_t send(int fd, const void* data, std::size_t length, int flags) {
  static auto* real = next<decltype(send)>("send");
  return fails("send") ? -1 : real(fd, data, length, flags);
}

ssize_t recv(int fd, void* data, std::size_t length, int flags) {
  static auto* real = next<decltype(recv)>("recv");
  return fails("recv") ? -1 : real(fd, data, length, flags);
}

int listen(int fd, int count) noexcept {
  static auto* real = next<decltype(listen)>("listen");
  return fails("listen") ? -1 : real(fd, count);
}

pid_t fork() noexcept {
  static auto* real = next<decltype(fork)>("fork");
  return fails("fork") ? -1 : real();
}

int poll(pollfd* events, nfds_t count, int milliseconds) {
  static auto* real = next<decltype(poll)>("poll");
  if (milliseconds <= faults::kMoment || !faults::skips_waiting())
    return real(events, count, milliseconds);
  const int result = real(events, count, faults::kMoment);
  if (result == 0) faults::skip(milliseconds);
  return result;
}

int clock_gettime(clockid_t clock, timespec* now) noexcept {
  static auto* real = next<decltype(clock_gettime)>("clock_gettime");
  const int result = real(clock, now);
  if (result == 0) move(*now, faults::clock_offset(clock));
  return result;
}

int gettimeofday(timeval* __restrict now, void* __restrict zone) noexcept {
  static auto* real = next<decltype(gettimeofday)>("gettimeofday");
  const int result = real(now, zone);
  if (result == 0) now->tv_sec += faults::clock_offset(CLOCK_REALTIME) / 1'000'000'000;
  return result;
}

time_t time(time_t* now) noexcept {
  static auto* real = next<decltype(time)>("time");
  const time_t result = real(nullptr) + faults::clock_offset(CLOCK_REALTIME) / 1'000'000'000;
  if (now != nullptr) *now = result;
  return result;
}

}  // extern "C"
