// SPDX-License-Identifier: GPL-2.0-or-later

#include "common/side_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <utility>

#include "base/errors.h"
#include "qcow2stream/error.h"
#include "system/fd.h"
#include "system/io.h"
#include "system/qemu_locks.h"

namespace qcow2stream::cli {
namespace {

// Bytes. What is smaller can be replaced without asking what it is, as other programs do.
constexpr off_t kTooSmallForADisk = 4096;

[[noreturn]] void throw_file_cannot_be_written(const std::string& path, const std::string& reason) {
  throw Error(ErrorKind::kFailed, path, "cannot be written", reason);
}

}  // namespace

std::optional<int> descriptor_of(std::string_view path) {
  if (path == "/dev/stderr") return STDERR_FILENO;
  for (const std::string_view prefix : {"/dev/fd/", "/proc/self/fd/"}) {
    if (!path.starts_with(prefix)) continue;
    int number = -1;
    const char* end = path.data() + path.size();
    const auto [stop, error] = std::from_chars(path.data() + prefix.size(), end, number);
    if (error == std::errc() && stop == end && number >= 0) return number;
  }
  return std::nullopt;
}

SideFile::SideFile(std::string path, const SideFileKind& kind, Ends& ends)
    : path_(std::move(path)), replaces_(kind.replaces) {
  if (const auto descriptor = descriptor_of(path_)) {
    is_path_ = false;
    fd_ = UniqueFd(::fcntl(*descriptor, F_DUPFD_CLOEXEC, 0));
  } else {
    open_path();
  }
  if (!fd_ || ::fstat(fd_.get(), &status_) != 0) {
    throw system_error(path_, "cannot be opened for writing", errno);
  }
  if (!is_open(fd_.get())) throw_file_cannot_be_written(path_, "it is not open");
  if ((::fcntl(fd_.get(), F_GETFL) & O_ACCMODE) == O_RDONLY) {
    throw_file_cannot_be_written(path_, "it is open for reading only");
  }
  if (S_ISBLK(status_.st_mode)) throw_file_cannot_be_written(path_, "it is a block device");
  ends.opened(path_, fd_.get());
  if (can_be_emptied()) {
    check_content(kind);
    take_for_ourselves();
  }
}

SideFile::~SideFile() {
  if (!begun_ || !fd_ || old_one_) return;
  // Nobody can be told if this fails.
  [[maybe_unused]] const int result = ::ftruncate(fd_.get(), 0);
}

void SideFile::open_path() {
  constexpr int kFlags = O_WRONLY | O_CLOEXEC | O_NOCTTY;
  name_ = TemporaryName([&] {
    fd_ = UniqueFd(::open(path_.c_str(), kFlags | O_CREAT | O_EXCL, 0666));
    return fd_ ? path_ : "";
  });
  if (!fd_ && errno == EEXIST) fd_ = UniqueFd(::open(path_.c_str(), kFlags));
}

// Also against another one of our own under another name.
void SideFile::take_for_ourselves() {
  if (::flock(fd_.get(), LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) return;
  name_.keep();  // it is theirs
  throw_file_cannot_be_written(path_, "something else is being written to it");
}

void SideFile::check_content(const SideFileKind& kind) const {
  if (status_.st_size <= kTooSmallForADisk) return;
  const UniqueFd in(::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!in) throw system_error(path_, "cannot be read to see what it holds", errno);
  std::array<char, 256> bytes{};
  const Moved moved = read_full_at(in.get(), 0, std::as_writable_bytes(std::span(bytes)));
  if (moved.error != 0) {
    throw system_error(path_, "cannot be read to see what it holds", moved.error);
  }
  if (!kind.is_old_one({bytes.data(), moved.bytes})) {
    throw_file_cannot_be_written(path_, fmt::format("it holds something else than {}", kind.name));
  }
}

void SideFile::begin() {
  if (S_ISREG(status_.st_mode) && qemu_locks::is_being_read(fd_.get())) {
    throw_file_cannot_be_written(path_, "it is being read as an image");
  }
  if (!can_be_emptied()) return;
  begun_ = true;
  if (replaces_) return make_new_one();
  if (::ftruncate(fd_.get(), 0) != 0) throw system_error(path_, "write failed", errno);
}

// Beside the old one, since a name can be given within a file system only. Private, as long as
// nobody knows whether it will be complete.
void SideFile::make_new_one() {
  std::array<char, PATH_MAX> resolved{};
  if (::realpath(path_.c_str(), resolved.data()) == nullptr) {
    throw system_error(path_, "cannot be found", errno);
  }
  new_one_.emplace(resolved.data(), path_,
                   NewFile::Replaced{.mode = status_.st_mode,
                                     .owner = status_.st_uid,
                                     .group = status_.st_gid,
                                     .fd = fd_.get()});
  old_one_ = std::exchange(fd_, new_one_->take());
}

void SideFile::write(std::string_view text) {
  const Moved moved = write_full(fd_.get(), std::as_bytes(std::span(text)));
  if (moved.bytes < text.size()) throw system_error(path_, "write failed", moved.error);
}

// What is closed can no longer be emptied, so another descriptor stays.
void SideFile::close() {
  if (old_one_ && ::fsync(fd_.get()) != 0) {
    throw system_error(path_, "cannot be flushed", errno);
  }
  UniqueFd other(::fcntl(fd_.get(), F_DUPFD_CLOEXEC, 0));
  const bool failed = ::close(fd_.release()) != 0;
  const int error = errno;
  fd_ = std::move(other);
  if (failed) throw system_error(path_, "close failed", error);
}

bool SideFile::is_also(const std::string& path) const {
  struct stat other {};
  return can_be_emptied() && ::stat(path.c_str(), &other) == 0 && status_.st_dev == other.st_dev &&
         status_.st_ino == other.st_ino;
}

void SideFile::keep() {
  if (new_one_) new_one_->give_name(fd_.get());
  begun_ = false;
  name_.keep();
}

}  // namespace qcow2stream::cli
