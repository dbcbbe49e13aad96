// SPDX-License-Identifier: GPL-2.0-or-later

#include "disk/file/file_disk.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <utility>

#include "base/errors.h"
#include "disk/file/file_runs.h"
#include "disk/file/queues.h"
#include "disk/source_errors.h"
#include "qcow2stream/file.h"
#include "system/io.h"
#include "system/tell.h"

namespace qcow2stream {
namespace {

// How many probes one queue has in flight. The measurements stand in survey/zero_scan.cc.
constexpr unsigned kQueueDepth = 64;

// Threads block one at a time, so they need not be as many as requests.
constexpr unsigned kQueueThreads = 16;

// Of what posix_fadvise() says the kernel reads no more than one request of the device may have, by
// default 1280 KiB (force_page_cache_ra() in mm/readahead.c).
constexpr std::uint64_t kReadAheadOfACall = 1 << 20;

// Opens the file that is open as `fd` once more, whatever became of its name. O_NONBLOCK keeps a
// FIFO from blocking before its type is known; files and block devices ignore it.
UniqueFd open_again(int fd) {
  return UniqueFd(::open(fmt::format("/proc/self/fd/{}", fd).c_str(),
                         O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
}

std::shared_ptr<const Disk> make_file_disk(UniqueFd fd, const std::string& name,
                                           const FileOptions& options) {
  using enum FileDisk::Sharing;
  return std::make_shared<const FileDisk>(std::move(fd), name,
                                          options.force_share ? kAll : kReaders);
}

// A file that its file system (FUSE) has open past the page cache, "direct_io", is read as it is;
// but what is read ahead goes into the page cache all the same. There an answer that is too short
// counts as the end of the file, and splice() then took zeros for what follows, now and then
// (Linux 6.18). Nobody can ask which files these are.
bool is_in_user_space(int fd) {
  struct statfs system {};
  return ::fstatfs(fd, &system) == 0 && system.f_type == FUSE_SUPER_MAGIC;
}

// After the year 2262 the number wraps around. Times that differ still do so then.
std::int64_t mtime_ns(const struct stat& status) {
  const auto seconds = static_cast<std::uint64_t>(status.st_mtim.tv_sec);
  const auto nanoseconds = static_cast<std::uint64_t>(status.st_mtim.tv_nsec);
  return static_cast<std::int64_t>(seconds * 1'000'000'000 + nanoseconds);
}

}  // namespace

FileDisk::FileDisk(UniqueFd fd, std::string name, Sharing sharing)
    : name_(std::move(name)),
      fd_(std::move(fd)),
      position_(::lseek(fd_.get(), 0, SEEK_CUR)),
      can_change_(sharing != Sharing::kNobody) {
  const struct stat now = status();
  if (S_ISDIR(now.st_mode)) throw system_error(name_, "cannot be read", EISDIR);
  block_device_ = S_ISBLK(now.st_mode);
  if (!block_device_ && !S_ISREG(now.st_mode)) {
    throw Error(ErrorKind::kFailed, name_, "cannot be used as a disk",
                "it is neither a regular file nor a block device");
  }
  if (sharing == Sharing::kReaders) lock_.emplace(fd_.get(), name_);
  size_ = current_size(now);
  if (block_device_ && size_ == 0) {
    throw_nothing_attached(name_, "the device has no size: nothing is attached to it");
  }
  if (size_ == 0 && !is_empty()) {
    throw Error(ErrorKind::kFailed, name_, "cannot be used as a disk",
                "it does not say how large it is; read it through a pipe");
  }
  // Readahead is a property of the open file: without it a probe of 4 KiB reads 4 KiB, and reading
  // in sequence through fd_ keeps it.
  random_fd_ = open_again(fd_.get());
  if (random_fd_) {
    ::posix_fadvise(random_fd_.get(), 0, 0, POSIX_FADV_RANDOM);
  } else {
    tell(name_, "a second descriptor", errno, "its clusters are probed with readahead");
  }
  may_be_read_ahead_ = !is_in_user_space(fd_.get());
  mtime_ns_ = mtime_ns(now);
  if (!block_device_) {
    hole_answers_ = probe_holes(fd_.get(), size_);
    if (hole_answers_ == HoleAnswers::kNone) {
      tell(name_, "SEEK_DATA", "the file system does not tell holes", "all of it counts as data");
    }
  }
}

FileDisk::~FileDisk() {
  if (position_ >= 0) ::lseek(fd_.get(), position_, SEEK_SET);
}

struct stat FileDisk::status() const {
  struct stat now {};
  if (::fstat(fd_.get(), &now) != 0) throw system_error(name_, "stat failed", errno);
  return now;
}

std::uint64_t FileDisk::current_size(const struct stat& status) const {
  if (!block_device_) return static_cast<std::uint64_t>(status.st_size);
  std::uint64_t bytes = 0;
  if (::ioctl(fd_.get(), BLKGETSIZE64, &bytes) != 0) {
    throw system_error(name_, "asking for its size failed", errno);
  }
  return bytes;
}

// Files of /proc, and some of FUSE, have a size of 0 and yet something to read.
bool FileDisk::is_empty() const {
  std::array<std::byte, 1> first{};
  const Moved moved = read_full_at(fd_.get(), 0, first);
  return moved.bytes == 0 && moved.error == 0;
}

void FileDisk::read(GuestOffset offset, std::span<std::byte> buffer) const {
  const Moved moved = read_full_at(fd_.get(), offset.value(), buffer);
  if (moved.error != 0) throw_read_error(name_, offset + moved.bytes, moved.error);
  if (moved.bytes < buffer.size()) throw_disk_ended(name_, offset + moved.bytes, size_);
}

DiskTraits FileDisk::traits() const {
  return {.knows_zeros = hole_answers_ != HoleAnswers::kNone,
          .places = DiskTraits::Places::kAll,
          .requests_in_flight = kQueueDepth};
}

std::unique_ptr<RequestQueue> FileDisk::queue() const {
  const int fd = random_fd_ ? random_fd_.get() : fd_.get();
  const ReadTarget target{.name = name_, .fd = fd, .size = size_};
  if (auto queue = make_uring_queue(target, kQueueDepth)) return queue;
  return make_thread_queue(target, kQueueThreads);
}

std::unique_ptr<RunCursor> FileDisk::runs(GuestRange range) const {
  if (hole_answers_ == HoleAnswers::kNone) return Disk::runs(range);
  return file_runs(fd_.get(), size_, range);
}

Run FileDisk::run_at(GuestRange range) const {
  return {.range = range,
          .holds = Run::Holds::kData,
          .where = Place{.descriptor = fd_.get(), .offset = range.begin.value()}};
}

void FileDisk::will_read(GuestRange range) const noexcept {
  if (!may_be_read_ahead_) return;
  while (range.length > 0) {
    const GuestRange piece = range.take_front(kReadAheadOfACall);
    ::posix_fadvise(fd_.get(), static_cast<off_t>(piece.begin.value()),
                    static_cast<off_t>(piece.length), POSIX_FADV_WILLNEED);
  }
}

std::optional<DiskStamp> FileDisk::stamp() const {
  if (block_device_ || !can_change_) return std::nullopt;
  return DiskStamp{.size = size_, .mtime_ns = mtime_ns_};
}

void FileDisk::check_unchanged() const {
  if (!can_change_) return;
  const struct stat now = status();
  const std::uint64_t size = current_size(now);
  if (size < size_) throw_disk_ended(name_, GuestOffset(size), size_);
  if (size > size_) throw_disk_changed(name_, fmt::format("size, {} to {} bytes", size_, size));
  if (block_device_) return;
  if (mtime_ns(now) != mtime_ns_) throw_disk_changed(name_, "mtime");
}

std::vector<Caveat> FileDisk::caveats() const {
  std::vector<Caveat> all;
  if (lock_ && lock_->problem()) {
    all.push_back({fmt::format("cannot be locked ({}): who has it open for writing is not known",
                               *lock_->problem())});
  }
  if (hole_answers_ == HoleAnswers::kDoubtful) {
    all.push_back(
        {"the file system says that it holds no data, though it takes space: it "
         "counts as zeros",
         Advice::kWithoutExtents});
  }
  return all;
}

std::shared_ptr<const Disk> open_disk(const std::string& path, const FileOptions& options) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd) throw system_error(path, "cannot be opened", errno);
  return make_file_disk(std::move(fd), path, options);
}

std::shared_ptr<const Disk> open_disk(int fd, const std::string& name, const FileOptions& options) {
  check_open_for_reading(fd, name);
  // Opened again it has a position of its own. Not everybody who was given a descriptor may open
  // the file.
  UniqueFd own = open_again(fd);
  if (!own) own = UniqueFd(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
  if (!own) throw system_error(name, "cannot be opened", errno);
  return make_file_disk(std::move(own), name, options);
}

bool can_be_sought(int fd) noexcept {
  struct stat status {};
  if (::fstat(fd, &status) != 0) return false;
  const bool is_disk = S_ISREG(status.st_mode) || S_ISBLK(status.st_mode);
  return is_disk && ::lseek(fd, 0, SEEK_CUR) == 0;
}

}  // namespace qcow2stream
