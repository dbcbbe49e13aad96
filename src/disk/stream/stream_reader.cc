// SPDX-License-Identifier: GPL-2.0-or-later

#include "disk/stream/stream_reader.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

#include "base/errors.h"
#include "disk/source_errors.h"
#include "system/io.h"

namespace qcow2stream {
namespace {

// The most that an unprivileged process may ask for (/proc/sys/fs/pipe-max-size). With it the
// writer of the pipe has to wait less often while we write.
constexpr int kPipeSize = 1 << 20;

}  // namespace

StreamReader::StreamReader(int fd, std::string name) : fd_(fd), name_(std::move(name)) {
  check_open_for_reading(fd_, name_);
  struct stat status {};
  if (::fstat(fd_, &status) != 0) throw system_error(name_, "stat failed", errno);
  if (S_ISDIR(status.st_mode)) throw system_error(name_, "cannot be read", EISDIR);
  if (S_ISFIFO(status.st_mode) && ::fcntl(fd_, F_GETPIPE_SZ) < kPipeSize) {
    ::fcntl(fd_, F_SETPIPE_SZ, kPipeSize);
  }
}

std::size_t StreamReader::read_some(std::span<std::byte> buffer) {
  for (;;) {
    const ssize_t n = uninterrupted([&] { return ::read(fd_, buffer.data(), buffer.size()); });
    if (n >= 0) {
      position_ += static_cast<std::uint64_t>(n);
      return static_cast<std::size_t>(n);
    }
    if (errno != EAGAIN) throw_read_error(name_, GuestOffset(position_), errno);
    pollfd poll_fd{.fd = fd_, .events = POLLIN, .revents = 0};
    ::poll(&poll_fd, 1, -1);  // if it fails, the next read says why
  }
}

std::size_t StreamReader::read(std::span<std::byte> buffer) {
  std::size_t filled = 0;
  while (filled < buffer.size()) {
    const std::size_t n = read_some(buffer.subspan(filled));
    if (n == 0) break;
    filled += n;
  }
  return filled;
}

void StreamReader::throw_too_short(std::uint64_t size) const {
  throw Error(ErrorKind::kFailed, name_, "is shorter than announced",
              fmt::format("it ended after {} of {} bytes", position_, size));
}

void StreamReader::expect_end() {
  std::array<std::byte, 1> more{};
  const std::uint64_t size = position_;
  if (read_some(more) == 0) return;
  throw Error(ErrorKind::kFailed, name_, "is longer than announced",
              fmt::format("there is more after {} bytes", size));
}

}  // namespace qcow2stream
