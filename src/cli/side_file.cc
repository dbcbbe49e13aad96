// SPDX-License-Identifier: GPL-2.0-or-later

#include "cli/side_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <optional>
#include <utility>

#include "base/errors.h"
#include "cli/open_input.h"
#include "cli/standard_output.h"
#include "qcow2stream/error.h"

namespace qcow2stream::cli {
namespace {

// Opening these would be another position in the same file, and fails on a socket.
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

bool is_same_pipe(const struct stat& a, const struct stat& b) {
  return (S_ISFIFO(a.st_mode) || S_ISSOCK(a.st_mode)) && a.st_dev == b.st_dev &&
         a.st_ino == b.st_ino;
}

}  // namespace

SideFile::SideFile(std::string path, const Options& options) : path_(std::move(path)) {
  if (const auto descriptor = descriptor_of(path_)) {
    is_path_ = false;
    fd_ = UniqueFd(::fcntl(*descriptor, F_DUPFD_CLOEXEC, 0));
  } else {
    open_path();
  }
  if (!fd_ || ::fstat(fd_.get(), &status_) != 0) {
    throw system_error(path_, "cannot be opened for writing", errno);
  }
  if ((::fcntl(fd_.get(), F_GETFL) & O_ACCMODE) == O_RDONLY) {
    throw Error(ErrorKind::kFailed, path_, "cannot be written", "it is open for reading only");
  }
  check_is_another(options);
}

void SideFile::open_path() {
  constexpr int kFlags = O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY;
  name_ = TemporaryName([&] {
    fd_ = UniqueFd(::open(path_.c_str(), kFlags | O_EXCL, 0666));
    return fd_ ? path_ : "";
  });
  if (!fd_ && errno == EEXIST) fd_ = UniqueFd(::open(path_.c_str(), kFlags, 0666));
}

void SideFile::check_is_another(const Options& options) const {
  struct stat out {};
  if (!options.run && ::fstat(STDOUT_FILENO, &out) == 0 &&
      (is_same_storage(out, status_) || is_same_pipe(out, status_))) {
    throw Error(ErrorKind::kFailed, path_, "cannot be written", "the image goes there");
  }
  for (const auto& [name, in] : input_status(options)) {
    if (is_same_storage(in, status_)) {
      throw Error(ErrorKind::kFailed, path_, "cannot be written", fmt::format("it is {}", name));
    }
  }
}

void SideFile::begin() {
  if (!is_path_ || !S_ISREG(status_.st_mode)) return;
  if (::ftruncate(fd_.get(), 0) != 0) throw system_error(path_, "write failed", errno);
}

void SideFile::write(std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(fd_.get(), text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw system_error(path_, "write failed", errno);
    text.remove_prefix(static_cast<std::size_t>(n));
  }
}

void SideFile::close() {
  if (::close(fd_.release()) != 0) throw system_error(path_, "close failed", errno);
  name_.keep();
}

bool SideFile::is_same_file(const SideFile& other) const {
  return is_path_ && other.is_path_ && S_ISREG(status_.st_mode) &&
         is_same_storage(status_, other.status_);
}

}  // namespace qcow2stream::cli
