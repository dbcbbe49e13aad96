// SPDX-License-Identifier: GPL-2.0-or-later

#include "system/new_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/fs.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <utility>

#include "base/errors.h"
#include "system/io.h"
#include "system/tell.h"

namespace qcow2stream {
namespace {

constexpr mode_t kNewMode = 0666;      // the umask takes bits of it
constexpr mode_t kPrivateMode = 0600;  // until the mode of what it replaces is taken over
constexpr mode_t kPermissions = 0777;

std::string directory_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

// Nobody else has a file of that name, or whoever has it keeps it: it is made with O_EXCL.
std::uint64_t random_number() {
  std::uint64_t number = 0;
  if (::getrandom(&number, sizeof number, GRND_NONBLOCK) < 0) {
    number = static_cast<std::uint64_t>(::getpid());
  }
  return number;
}

}  // namespace

NewFile::NewFile(std::string path, std::string name, std::optional<Replaced> replaced,
                 bool may_be_nameless)
    : path_(std::move(path)),
      name_(std::move(name)),
      directory_(directory_of(path_)),
      replaced_(replaced),
      directory_fd_(::open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
  if (!directory_fd_) throw system_error(name_, "cannot be made", errno);
  const mode_t mode = replaced_ ? kPrivateMode : kNewMode;
  if (may_be_nameless) {
    fd_ = UniqueFd(::openat(directory_fd_.get(), ".", O_TMPFILE | O_RDWR | O_CLOEXEC, mode));
    if (fd_) return;
    // EOPNOTSUPP comes from the file system, EISDIR, EINVAL and ENOENT from something in between
    // that does not know the flag. For other errors a file with a name would fail in the same way.
    tell(name_, "O_TMPFILE", errno, "the new file has a hidden name until it is complete");
  }
  make_named();
}

std::string NewFile::hidden_path() const {
  return fmt::format("{}/.qcow2stream-{:016x}", directory_, random_number());
}

void NewFile::make_named() {
  hidden_ = TemporaryName([&]() -> std::string {
    std::string path = hidden_path();
    const mode_t mode = replaced_ ? kPrivateMode : kNewMode;
    fd_ = UniqueFd(::open(path.c_str(), O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, mode));
    return fd_ ? path : "";
  });
  if (!fd_) throw system_error(name_, "cannot be made", errno);
}

void NewFile::give_name(int fd) {
  if (replaced_) take_over_mode(fd);
  if (replaced_) {
    rename_over(fd);
  } else {
    name_first(fd);
  }
  flush_directory();
}

// Only root may give files away. Bits like set-user-ID are about the owner, so they stay with it.
void NewFile::take_over_mode(int fd) const {
  mode_t mode = replaced_->mode & ~static_cast<mode_t>(S_IFMT);
  if (::fchown(fd, replaced_->owner, replaced_->group) != 0) {
    tell(name_, "its owner", errno, "the new file is ours");
    mode &= kPermissions;
  }
  if (::fchmod(fd, mode) != 0) throw system_error(name_, "its mode cannot be kept", errno);
  if (replaced_->fd >= 0) take_over_attributes(fd);
  // These come behind the flush of the data.
  if (uninterrupted([&] { return ::fsync(fd); }) != 0) {
    throw system_error(name_, "flush failed", errno);
  }
}

// Behind the mode, which is a part of an access control list.
void NewFile::take_over_attributes(int fd) const {
  const auto told = [this](const std::string& what) {
    tell(name_, what, errno, "the new file goes without it");
  };
  const ssize_t size = ::flistxattr(replaced_->fd, nullptr, 0);
  if (size <= 0) return;
  std::string names(static_cast<std::size_t>(size), '\0');
  const ssize_t there = ::flistxattr(replaced_->fd, names.data(), names.size());
  if (there < 0) return told("the list of its attributes");
  names.resize(static_cast<std::size_t>(there));
  for (std::size_t begin = 0; begin < names.size();) {
    const std::string name(names.c_str() + begin);
    begin += name.size() + 1;
    const ssize_t length = ::fgetxattr(replaced_->fd, name.c_str(), nullptr, 0);
    std::string value(length > 0 ? static_cast<std::size_t>(length) : 0, '\0');
    if (length < 0 ||
        ::fgetxattr(replaced_->fd, name.c_str(), value.data(), value.size()) != length ||
        ::fsetxattr(fd, name.c_str(), value.data(), value.size(), 0) != 0) {
      told(name);
    }
  }
}

// Gives a file without a name the name `path`, which nobody may have.
void NewFile::link_to(int fd, const std::string& path) const {
  const std::string opened = fmt::format("/proc/self/fd/{}", fd);
  if (::linkat(AT_FDCWD, opened.c_str(), AT_FDCWD, path.c_str(), AT_SYMLINK_FOLLOW) == 0) return;
  // Without /proc there is a way for those who may do anything.
  if (errno == ENOENT && ::linkat(fd, "", AT_FDCWD, path.c_str(), AT_EMPTY_PATH) == 0) return;
  if (errno == EEXIST) {
    throw Error(ErrorKind::kFailed, name_, "cannot get its name",
                "a file of that name was made meanwhile");
  }
  throw system_error(name_, "cannot get its name", errno);
}

void NewFile::name_first(int fd) {
  if (hidden_.path().empty()) {
    link_to(fd, path_);
    return;
  }
  const char* from = hidden_.path().c_str();
  if (::renameat2(AT_FDCWD, from, AT_FDCWD, path_.c_str(), RENAME_NOREPLACE) == 0) {
    hidden_.keep();
    return;
  }
  if (errno == EINVAL || errno == ENOSYS) {  // not on this file system, but perhaps a second name
    if (::link(from, path_.c_str()) == 0) return;
  }
  if (errno == EEXIST) {
    throw Error(ErrorKind::kFailed, name_, "cannot get its name",
                "a file of that name was made meanwhile");
  }
  throw system_error(name_, "cannot get its name", errno);
}

// There is no way to put a file without a name in the place of another one at once: it gets a
// hidden name first.
void NewFile::rename_over(int fd) {
  if (hidden_.path().empty()) {
    hidden_ = TemporaryName([&] {
      std::string path = hidden_path();
      link_to(fd, path);
      return path;
    });
  }
  if (std::rename(hidden_.path().c_str(), path_.c_str()) != 0) {
    throw system_error(name_, "cannot be replaced", errno);
  }
  hidden_.keep();
}

// The file is complete under its name whatever comes of this; but after a crash of the machine the
// name could be gone.
void NewFile::flush_directory() const {
  if (uninterrupted([&] { return ::fsync(directory_fd_.get()); }) == 0) return;
  if (errno == EINVAL || errno == EOPNOTSUPP || errno == EBADF) {
    tell(name_, "fsync of its directory", errno, "its name is left to the file system");
    return;
  }
  throw system_error(name_, "flush of its directory failed", errno);
}

}  // namespace qcow2stream
