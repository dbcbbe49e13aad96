// SPDX-License-Identifier: GPL-2.0-or-later
//
// LD_PRELOAD library that makes system calls of the program under test fail:
//   FAULTS="CALL:WHEN:HOW ..."
// CALL is a function below. WHEN is N (the N-th call only) or N+ (from the N-th on). HOW is the
// name of an error, or "short" (half of what was asked for, at least one byte), or "storm" (the
// call fails with EINTR every other time).

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdlib>
#include <map>
#include <sstream>
#include <string>
#include <vector>

namespace {

const std::map<std::string, int> kErrors = {
    {"EINTR", EINTR},   {"EAGAIN", EAGAIN}, {"EINVAL", EINVAL},        {"EIO", EIO},
    {"ENOSPC", ENOSPC}, {"EXDEV", EXDEV},   {"ENOSYS", ENOSYS},        {"EPIPE", EPIPE},
    {"EBADF", EBADF},   {"EFBIG", EFBIG},   {"EOPNOTSUPP", EOPNOTSUPP}};

struct Fault {
  std::string call;
  std::string how;
  long first = 0;
  bool onwards = false;
  std::atomic<long> seen = 0;
};

std::vector<Fault>& faults() {
  static std::vector<Fault>& list = *[] {
    std::istringstream text(std::getenv("FAULTS") != nullptr ? std::getenv("FAULTS") : "");
    std::vector<std::string> words;
    for (std::string word; text >> word;) words.push_back(word);
    auto* made = new std::vector<Fault>(words.size());
    for (std::size_t i = 0; i < words.size(); ++i) {
      std::istringstream parts(words[i]);
      std::string when;
      std::getline(parts, (*made)[i].call, ':');
      std::getline(parts, when, ':');
      std::getline(parts, (*made)[i].how);
      (*made)[i].first = std::atol(when.c_str());
      (*made)[i].onwards = when.ends_with('+');
    }
    return made;
  }();
  return list;
}

// Whether the call fails now (errno is set), or how long it may be.
bool inject(const char* call, std::size_t& length) {
  for (Fault& fault : faults()) {
    if (fault.call != call) continue;
    const long n = ++fault.seen;
    if (n != fault.first && !(fault.onwards && n > fault.first)) continue;
    if (fault.how == "short") {
      length = std::max<std::size_t>(1, length / 2);
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

template <class Function>
Function* next(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

extern "C" {

ssize_t write(int fd, const void* data, std::size_t length) {
  static auto* real = next<decltype(write)>("write");
  // Messages are not what is tested.
  if (fd == STDOUT_FILENO && inject("write", length)) return -1;
  return real(fd, data, length);
}

ssize_t read(int fd, void* data, std::size_t length) {
  static auto* real = next<decltype(read)>("read");
  if (fd == STDIN_FILENO && inject("read", length)) return -1;
  return real(fd, data, length);
}

ssize_t pwrite64(int fd, const void* data, std::size_t length, off64_t offset) {
  static auto* real = next<decltype(pwrite64)>("pwrite64");
  return inject("pwrite", length) ? -1 : real(fd, data, length, offset);
}

int ftruncate64(int fd, off64_t size) noexcept {
  static auto* real = next<decltype(ftruncate64)>("ftruncate64");
  std::size_t length = 0;
  return inject("ftruncate", length) ? -1 : real(fd, size);
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
  if ((flags & O_TMPFILE) == O_TMPFILE && inject("tmpfile", length)) return -1;
  return real(path, flags, mode);
}

ssize_t pread64(int fd, void* data, std::size_t length, off64_t offset) {
  static auto* real = next<decltype(pread64)>("pread64");
  return inject("pread", length) ? -1 : real(fd, data, length, offset);
}

ssize_t preadv64v2(int fd, const iovec* pieces, int count, off64_t offset, int flags) {
  static auto* real = next<decltype(preadv64v2)>("preadv64v2");
  std::size_t length = 0;
  return inject("preadv2", length) ? -1 : real(fd, pieces, count, offset, flags);
}

ssize_t splice(int from, off64_t* from_at, int to, off64_t* to_at, std::size_t length,
               unsigned flags) {
  static auto* real = next<decltype(splice)>("splice");
  return inject("splice", length) ? -1 : real(from, from_at, to, to_at, length, flags);
}

ssize_t sendfile64(int to, int from, off64_t* from_at, std::size_t length) noexcept {
  static auto* real = next<decltype(sendfile64)>("sendfile64");
  return inject("sendfile", length) ? -1 : real(to, from, from_at, length);
}

ssize_t copy_file_range(int from, off64_t* from_at, int to, off64_t* to_at, std::size_t length,
                        unsigned flags) {
  static auto* real = next<decltype(copy_file_range)>("copy_file_range");
  return inject("copy_file_range", length) ? -1 : real(from, from_at, to, to_at, length, flags);
}

off64_t lseek64(int fd, off64_t offset, int whence) noexcept {
  static auto* real = next<decltype(lseek64)>("lseek64");
  std::size_t length = 0;
  return inject("lseek", length) ? -1 : real(fd, offset, whence);
}

int fsync(int fd) {
  static auto* real = next<decltype(fsync)>("fsync");
  std::size_t length = 0;
  return inject("fsync", length) ? -1 : real(fd);
}

int close(int fd) {
  static auto* real = next<decltype(close)>("close");
  std::size_t length = 0;
  if (fd == STDOUT_FILENO && inject("close", length)) {
    real(fd);
    errno = EIO;
    return -1;
  }
  return real(fd);
}

}  // extern "C"
