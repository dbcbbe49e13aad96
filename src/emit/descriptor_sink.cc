// SPDX-License-Identifier: GPL-2.0-or-later
//
// Which system call moves data from the disk to the output:
//   pipe    splice: hands page references over, no byte is copied on our side
//   file    copy_file_range: the file system may share the blocks (reflink) or copy in the kernel;
//           sendfile where it refuses (other file system, a block device)
//   socket  sendfile
//   others  sendfile (works for /dev/null and most devices)
// A method that fails with an error that will not go away is given up for good. In the end reading
// and writing are left. They alone report errors, since only they can tell whose error it is.

#include "emit/descriptor_sink.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/fs.h>
#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <chrono>
#include <thread>
#include <utility>

#include "base/errors.h"
#include "system/fd.h"
#include "system/io.h"
#include "system/qemu_locks.h"
#include "system/tell.h"

namespace qcow2stream {
namespace {

// The most that an unprivileged process may ask for (/proc/sys/fs/pipe-max-size).
constexpr int kPipeSize = 1 << 20;

// What may hold references to our pages behind our own pipe or socket: a reader that splices hands
// them on into a pipe of its own, and a socket of this machine has them in its receive buffer until
// they are read. Seven pipes of the largest size that an unprivileged process may have, or the
// largest receive buffer (net.ipv4.tcp_rmem, 6 MiB).
constexpr std::uint64_t kFurtherQueues = 7U << 20;

// One call moves at most this much, so that progress is seen and signals are served.
constexpr std::size_t kMostPerCall = 16U << 20;

// Errors that say "not between these two descriptors", as opposed to "not now".
bool is_refusal(int error) {
  switch (error) {
    case EINVAL:
    case ENOSYS:
    case EXDEV:
    case EBADF:
    case EPERM:
    case EOPNOTSUPP:
    case ETXTBSY:
    case EOVERFLOW:
      return true;
    default:
      return false;
  }
}

// How many bytes were written and not yet taken by the reader; -1 if that cannot be asked.
int untaken_bytes(int fd, DescriptorSink::Kind kind) {
  int bytes = 0;
  const unsigned long request = kind == DescriptorSink::Kind::kPipe ? FIONREAD : SIOCOUTQ;
  return ::ioctl(fd, request, &bytes) == 0 ? bytes : -1;
}

}  // namespace

DescriptorSink::DescriptorSink(int fd, std::string name) : fd_(fd), name_(std::move(name)) {
  struct stat status {};
  if (!is_open(fd_) || ::fstat(fd_, &status) != 0) {
    throw Error(ErrorKind::kFailed, name_, "cannot be written", "it is not open")
        .about(ErrorSubject::kOutput);
  }
  if ((::fcntl(fd_, F_GETFL) & O_ACCMODE) == O_RDONLY) {
    throw Error(ErrorKind::kFailed, name_, "cannot be written", "it is open for reading only")
        .about(ErrorSubject::kOutput);
  }
  switch (status.st_mode & S_IFMT) {
    case S_IFIFO:
      kind_ = Kind::kPipe;
      if (::fcntl(fd_, F_GETPIPE_SZ) < kPipeSize && ::fcntl(fd_, F_SETPIPE_SZ, kPipeSize) < 0) {
        tell(name_, "a larger pipe", errno, "it stays as it is");
      }
      pipe_size_ = static_cast<std::uint64_t>(std::max(0, ::fcntl(fd_, F_GETPIPE_SZ)));
      methods_ = {Method::kSplice};
      break;
    case S_IFREG:
      kind_ = Kind::kFile;
      methods_ = {Method::kCopyFileRange, Method::kSendfile};
      break;
    case S_IFSOCK:
      kind_ = Kind::kSocket;
      // A socket that cannot be asked whether its queue is empty must not hold references to pages.
      if (untaken_bytes(fd_, kind_) >= 0) methods_ = {Method::kSendfile};
      break;
    case S_IFBLK:
      block_device_ = true;
      ::ioctl(fd_, BLKGETSIZE64, &device_size_);
      methods_ = {Method::kSendfile};
      break;
    default:
      methods_ = {Method::kSendfile};
  }
}

void DescriptorSink::check_room(std::uint64_t length) const {
  if (!block_device_) return;
  const off_t position = std::max<off_t>(0, ::lseek(fd_, 0, SEEK_CUR));
  const std::uint64_t room =
      device_size_ - std::min(device_size_, static_cast<std::uint64_t>(position));
  if (room < length) {
    throw Error(ErrorKind::kFailed, name_, "the device is too small",
                fmt::format("{} bytes are needed, there is room for {}", length, room))
        .about(ErrorSubject::kOutput);
  }
}

void DescriptorSink::check(std::uint64_t length, bool flush) const {
  check_room(length);
  if (!flush || is_file_or_device()) return;
  throw Error(ErrorKind::kFailed, name_, "cannot be flushed",
              "it is neither a file nor a block device")
      .about(ErrorSubject::kOutput);
}

void DescriptorSink::begin(const Announcement& announcement) {
  will_be_flushed_ = announcement.flush;
  if (!is_file_or_device() || !qemu_locks::is_being_read(fd_)) return;
  throw Error(ErrorKind::kFailed, name_, "cannot be written", "it is being read as an image")
      .about(ErrorSubject::kOutput);
}

void DescriptorSink::flush() {
  if (uninterrupted([&] { return ::fsync(fd_); }) != 0) {
    throw system_error(name_, "flush failed", errno).about(ErrorSubject::kOutput);
  }
}

std::size_t DescriptorSink::write(std::span<const std::byte> bytes) {
  assert(!bytes.empty());
  for (;;) {
    const ssize_t n = uninterrupted([&] { return ::write(fd_, bytes.data(), bytes.size()); });
    if (n >= 0) {
      wrote(static_cast<std::uint64_t>(n));
      return static_cast<std::size_t>(n);
    }
    if (errno != EAGAIN) {
      throw system_error(name_, "write failed", errno).about(ErrorSubject::kOutput);
    }
    wait_writable();
  }
}

void DescriptorSink::wait_writable() const {
  pollfd poll_fd{.fd = fd_, .events = POLLOUT, .revents = 0};
  ::poll(&poll_fd, 1, -1);  // if it fails, the next write says why
}

ssize_t DescriptorSink::call(Method method, const Place& from, std::size_t length) const {
  auto at = static_cast<off_t>(from.offset);
  switch (method) {
    case Method::kSplice:
      return ::splice(from.descriptor, &at, fd_, nullptr, length, SPLICE_F_MOVE);
    case Method::kCopyFileRange:
      return ::copy_file_range(from.descriptor, &at, fd_, nullptr, length, 0);
    case Method::kSendfile:
      return ::sendfile(fd_, from.descriptor, &at, length);
  }
  return 0;
}

std::uint64_t DescriptorSink::transfer(const Place& from, std::uint64_t length) {
  assert(length > 0);
  const std::size_t most = std::min<std::uint64_t>(length, kMostPerCall);
  while (!methods_.empty()) {
    const ssize_t n = uninterrupted([&] { return call(methods_.front(), from, most); });
    if (n > 0) {
      wrote(static_cast<std::uint64_t>(n));
      return static_cast<std::uint64_t>(n);
    }
    if (n < 0 && errno == EAGAIN) {
      // The kernel does not say which side would block. If the output has room it is the disk, and
      // reading it will show what is wrong.
      pollfd poll_fd{.fd = fd_, .events = POLLOUT, .revents = 0};
      if (::poll(&poll_fd, 1, 0) > 0 && (poll_fd.revents & POLLOUT) != 0) return 0;
      wait_writable();
      continue;
    }
    if (n < 0 && !is_refusal(errno)) return 0;
    if (n == 0 && methods_.front() != Method::kCopyFileRange) return 0;  // the disk ends here
    give_up_method(n < 0 ? errno : 0);
  }
  return 0;
}

void DescriptorSink::wrote(std::uint64_t bytes) {
  if (will_be_flushed_) write_back_.wrote(fd_, bytes);
}

// `error` is 0 if the kernel copied nothing and gave no reason.
void DescriptorSink::give_up_method(int error) {
  const std::string refused(method());
  methods_.erase(methods_.begin());
  if (error == 0) {
    tell(name_, refused, "nothing was copied", std::string(method()) + " instead");
  } else {
    tell(name_, refused, error, std::string(method()) + " instead");
  }
}

std::uint64_t DescriptorSink::queue_size() const {
  if (methods_.empty()) return 0;
  return kind_ == Kind::kPipe || kind_ == Kind::kSocket ? pipe_size_ + kFurtherQueues : 0;
}

void DescriptorSink::wait_until_taken(std::uint64_t copied) {
  if (kind_ != Kind::kPipe && kind_ != Kind::kSocket) return;
  // A socket counts what its buffers take, not what they hold; only "nothing" is exact.
  const std::uint64_t enough = kind_ == Kind::kPipe ? copied : 0;
  for (;;) {
    const int untaken = untaken_bytes(fd_, kind_);
    if (untaken < 0 || static_cast<std::uint64_t>(untaken) <= enough) return;
    // If the reader is gone, there is nothing to wait for, and the next write reports it.
    pollfd poll_fd{.fd = fd_, .events = 0, .revents = 0};
    if (::poll(&poll_fd, 1, 0) > 0) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

std::string_view DescriptorSink::method() const {
  if (methods_.empty()) return "read and write";
  switch (methods_.front()) {
    case Method::kSplice:
      return "splice";
    case Method::kCopyFileRange:
      return "copy_file_range";
    case Method::kSendfile:
      return "sendfile";
  }
  return "";
}

std::unique_ptr<Sink> make_descriptor_sink(int fd, std::string name) {
  return std::make_unique<DescriptorSink>(fd, std::move(name));
}

}  // namespace qcow2stream
