// SPDX-License-Identifier: GPL-2.0-or-later

#include "floor/move.h"

#include <fcntl.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>

namespace bench {
namespace {

constexpr int kPipeSize = 1 << 20;
constexpr std::size_t kMostPerCall = 16U << 20;
constexpr std::size_t kBufferSize = 256U << 10;

// One call: moves up to `length` bytes from `at` on. -1 and errno, or the bytes moved.
using Move = ssize_t (*)(int from, off_t at, int out, std::size_t length);

ssize_t splice_move(int from, off_t at, int out, std::size_t length) {
  return ::splice(from, &at, out, nullptr, length, SPLICE_F_MOVE);
}

ssize_t copy_move(int from, off_t at, int out, std::size_t length) {
  return ::copy_file_range(from, &at, out, nullptr, length, 0);
}

ssize_t sendfile_move(int from, off_t at, int out, std::size_t length) {
  return ::sendfile(out, from, &at, length);
}

ssize_t read_write_move(int from, off_t at, int out, std::size_t length) {
  static std::array<std::byte, kBufferSize> buffer;
  const ssize_t n = ::pread(from, buffer.data(), std::min(length, buffer.size()), at);
  return n <= 0 ? n : ::write(out, buffer.data(), static_cast<std::size_t>(n));
}

// False if the very first call is refused; ends the process if a later one is.
bool move_runs(Move move, int from, const std::vector<Run>& runs, int out) {
  bool moved = false;
  for (Run run : runs) {
    while (run.begin < run.end) {
      const auto length = std::min<std::uint64_t>(run.end - run.begin, kMostPerCall);
      const ssize_t n = move(from, static_cast<off_t>(run.begin), out, length);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0 && !moved) return false;
      if (n <= 0) fail("copying");
      run.begin += static_cast<std::uint64_t>(n);
      moved = true;
    }
  }
  return true;
}

}  // namespace

void enlarge_pipe(int fd) {
  if (::fcntl(fd, F_GETPIPE_SZ) < kPipeSize) ::fcntl(fd, F_SETPIPE_SZ, kPipeSize);
}

void splice_runs(int fd, const std::vector<Run>& runs, int out) {
  enlarge_pipe(out);
  if (!move_runs(splice_move, fd, runs, out)) fail("splice to standard output");
}

const char* copy_runs(int fd, const std::vector<Run>& runs, int out) {
  if (move_runs(copy_move, fd, runs, out)) return "copy_file_range";
  if (move_runs(sendfile_move, fd, runs, out)) return "sendfile";
  if (move_runs(read_write_move, fd, runs, out)) return "read and write";
  fail("copying");
}

std::uint64_t discard_pipe(int pipe) {
  const int null = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
  if (null < 0) fail("/dev/null");
  std::uint64_t bytes = 0;
  for (;;) {
    const ssize_t n = ::splice(pipe, nullptr, null, nullptr, kPipeSize, SPLICE_F_MOVE);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail("splice from the pipe");
    if (n == 0) break;
    bytes += static_cast<std::uint64_t>(n);
  }
  close_fd(null);
  return bytes;
}

std::uint64_t discard_socket(int socket) {
  std::vector<std::byte> buffer(kBufferSize);
  std::uint64_t bytes = 0;
  for (;;) {
    const ssize_t n = ::read(socket, buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail("reading the socket");
    if (n == 0) return bytes;
    bytes += static_cast<std::uint64_t>(n);
  }
}

}  // namespace bench
