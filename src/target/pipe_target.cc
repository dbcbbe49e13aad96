// SPDX-License-Identifier: GPL-2.0-or-later
//
// The raw disk in order, whatever the order in which it comes.
//
// Whoever brings the piece whose turn it is writes it to the descriptor, without the lock, and then
// what had been kept behind it. Others keep theirs meanwhile. Where there is no room to keep
// something, they wait as long as somebody writes: only if nobody does, no room will become free.

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/fs.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <utility>
#include <vector>

#include "qcow2stream/error.h"
#include "qcow2stream/target.h"
#include "system/fd.h"
#include "system/io.h"
#include "system/qemu_locks.h"
#include "system/sigpipe.h"
#include "system/tell.h"
#include "target/early_pieces.h"
#include "target/target_errors.h"

namespace qcow2stream {
namespace {

// Is written when everything is right, so that a reader sees of a restore that failed that it is
// too short.
constexpr std::uint64_t kHeldBack = 64 << 10;

// There is always room for what is held back, and for a list of some pieces.
constexpr std::uint64_t kLeastMemory = kHeldBack + 512 * EarlyPieces::kPieceCost;

constexpr std::size_t kZeroPiece = 256 << 10;

// The most that an unprivileged process may ask for (/proc/sys/fs/pipe-max-size).
constexpr int kPipeSize = 1 << 20;

// A part of the disk: data, or, without bytes, zeros.
struct Part {
  GuestRange range;
  const std::byte* bytes = nullptr;

  [[nodiscard]] std::span<const std::byte> data() const { return {bytes, range.length}; }
  Part take_front(std::uint64_t n) {
    const Part front{.range = range.take_front(n), .bytes = bytes};
    if (bytes != nullptr) bytes += front.range.length;
    return front;
  }
};

// The descriptor. Belongs to one thread at a time.
class Output {
 public:
  Output(int fd, std::string name) : fd_(fd), name_(std::move(name)) {
    struct stat status {};
    if (!is_open(fd_) || ::fstat(fd_, &status) != 0) {
      throw_target_error(name_, "cannot be written", "it is not open");
    }
    if ((::fcntl(fd_, F_GETFL) & O_ACCMODE) == O_RDONLY) {
      throw_target_error(name_, "cannot be written", "it is open for reading only");
    }
    is_device_ = S_ISBLK(status.st_mode);
    keeps_bytes_ = is_device_ || S_ISREG(status.st_mode);
    if (keeps_bytes_ && qemu_locks::is_being_read(fd_)) {
      throw_target_error(name_, "cannot be written", "it is being read as an image");
    }
    if (S_ISFIFO(status.st_mode) && ::fcntl(fd_, F_GETPIPE_SZ) < kPipeSize &&
        ::fcntl(fd_, F_SETPIPE_SZ, kPipeSize) < 0) {
      tell(name_, "a larger pipe", errno, "it stays as it is");
    }
  }

  [[nodiscard]] const std::string& name() const { return name_; }

  void check_room(std::uint64_t size) const {
    std::uint64_t device = 0;
    if (!is_device_ || ::ioctl(fd_, BLKGETSIZE64, &device) != 0) return;
    const off_t position = std::max<off_t>(0, ::lseek(fd_, 0, SEEK_CUR));
    const std::uint64_t room = device - std::min(device, static_cast<std::uint64_t>(position));
    if (size > room) throw_too_small(name_, size, room);
  }

  void write(const Part& part) {
    const SigpipeGuard guard;
    if (part.bytes != nullptr) {
      write_data(part.range.begin, part.data());
      return;
    }
    static const std::vector<std::byte> zeros(kZeroPiece);
    for (GuestRange left = part.range; left.length != 0;) {
      const GuestRange piece = left.take_front(kZeroPiece);
      write_data(piece.begin, std::span(zeros).first(piece.length));
    }
  }

  void flush() {
    if (keeps_bytes_ && uninterrupted([&] { return ::fsync(fd_); }) != 0) {
      throw_target_error(name_, "flush failed", errno);
    }
  }

 private:
  void write_data(GuestOffset offset, std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
      const Moved moved = write_full(fd_, bytes);
      offset += moved.bytes;
      bytes = bytes.subspan(moved.bytes);
      if (bytes.empty()) return;
      if (moved.error != EAGAIN) throw_write_error(name_, offset, moved.error);
      pollfd writable{.fd = fd_, .events = POLLOUT, .revents = 0};
      ::poll(&writable, 1, -1);  // if it fails, the next write says why
    }
  }

  int fd_;
  std::string name_;
  bool is_device_ = false;
  bool keeps_bytes_ = false;  // and can be flushed
};

class PipeTarget final : public Target {
 public:
  PipeTarget(int fd, std::string name, const PipeTargetOptions& options)
      : output_(fd, std::move(name)),
        pieces_(saturating_sum(options.spool_memory, kLeastMemory), options.spool_directory) {}

  [[nodiscard]] const std::string& name() const override { return output_.name(); }
  [[nodiscard]] TargetTraits traits() const override { return {.in_order = true}; }

  void set_size(std::uint64_t size) override {
    std::unique_lock lock(mutex_);
    if (GuestOffset(size) < at_) {
      throw_target_error(name(), fmt::format("cannot become {} bytes long", size),
                         fmt::format("{} bytes are written", at_.value()));
    }
    output_.check_room(size - at_.value());
    if (!has_size_) {
      has_size_ = true;
    } else if (GuestOffset(size) > size_) {
      add_behind({size_, GuestOffset(size) - size_});
    } else if (GuestOffset(size) < size_) {
      pieces_.forget({GuestOffset(size), size_ - GuestOffset(size)});
    }
    size_ = GuestOffset(size);
    write_kept(lock);
  }

  void write(GuestOffset offset, std::span<const std::byte> bytes) override {
    add({.range = {offset, bytes.size()}, .bytes = bytes.data()});
  }
  void zero(GuestRange range) override { add({.range = range, .bytes = nullptr}); }

  void read(GuestOffset /*offset*/, std::span<std::byte> /*buffer*/) override {
    throw_target_error(name(), "cannot be read", "it is a stream");
  }

  void flush() override {}

  void finish() override {
    std::unique_lock lock(mutex_);
    finishing_ = true;
    write_kept(lock);
    if (at_ != size_) {
      throw_target_error(name(), "is incomplete",
                         fmt::format("nothing was restored to offset {}", at_.value()));
    }
    output_.flush();
  }

 private:
  static std::uint64_t saturating_sum(std::uint64_t a, std::uint64_t b) {
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
  }

  // What lies in front of it may go out.
  [[nodiscard]] GuestOffset end_of_output() const {
    if (finishing_) return size_;
    const GuestOffset end = size_ - std::min(size_.value(), kHeldBack);
    return std::max(end, at_);
  }

  void add(Part part) {
    std::unique_lock lock(mutex_);
    while (part.range.length != 0) {
      if (failure_) std::rethrow_exception(failure_);
      if (part.range.begin < at_) {
        throw_target_error(name(),
                           fmt::format("cannot be written at offset {}", part.range.begin.value()),
                           "the stream is past it");
      }
      const std::uint64_t now = end_of_output() - at_;
      if (!busy_ && part.range.begin == at_ && now != 0) {
        const Part front = part.take_front(now);
        pieces_.forget(front.range);
        write_out(lock, front);
        write_kept(lock);
      } else if (keep(part)) {
        write_kept(lock);
        return;
      } else if (busy_) {
        changed_.wait(lock);
      } else {
        throw_no_room();
      }
    }
  }

  bool keep(const Part& part) {
    return part.bytes != nullptr ? pieces_.keep(part.range.begin, part.data())
                                 : pieces_.keep_zeros(part.range);
  }

  void add_behind(GuestRange zeros) {
    if (!pieces_.keep_zeros(zeros)) throw_no_room();
  }

  // All that is left of the disk, and what a list of pieces of at least 8 KiB takes.
  [[noreturn]] void throw_no_room() const {
    const std::uint64_t left = size_ - at_ - pieces_.zeros();
    const std::uint64_t enough = saturating_sum(left, left / (8192 / EarlyPieces::kPieceCost));
    throw Error(ErrorKind::kFailed, name(), "cannot be written in order",
                "there is no room to keep what comes too early")
        .about(ErrorSubject::kSpool)
        .advise(Advice::kMoreSpool, enough);
  }

  // Writes the part whose turn it is. Nobody else may be busy.
  void write_out(std::unique_lock<std::mutex>& lock, const Part& part) {
    busy_ = true;
    lock.unlock();
    std::exception_ptr failure;
    try {
      output_.write(part);
    } catch (...) {
      failure = std::current_exception();
    }
    lock.lock();
    busy_ = false;
    failure_ = failure;
    at_ += part.range.length;
    changed_.notify_all();
    if (failure) std::rethrow_exception(failure);
  }

  void write_kept(std::unique_lock<std::mutex>& lock) {
    while (!busy_) {
      const auto piece = pieces_.take(at_, end_of_output());
      if (!piece) return;
      write_out(lock, {.range = {at_, piece->length},
                       .bytes = piece->bytes.empty() ? nullptr : piece->bytes.data()});
    }
  }

  Output output_;
  std::mutex mutex_;
  std::condition_variable changed_;  // somebody has stopped to be busy
  EarlyPieces pieces_;
  GuestOffset size_;
  GuestOffset at_;  // what lies in front of it has been written
  bool has_size_ = false;
  bool finishing_ = false;
  bool busy_ = false;  // somebody writes the part that begins at at_
  std::exception_ptr failure_;
};

}  // namespace

std::unique_ptr<Target> make_pipe_target(int fd, std::string name,
                                         const PipeTargetOptions& options) {
  return std::make_unique<PipeTarget>(fd, std::move(name), options);
}

}  // namespace qcow2stream
