// SPDX-License-Identifier: GPL-2.0-or-later

#include "cli/standard_output.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "base/errors.h"
#include "cli/open_input.h"
#include "qcow2stream/error.h"

namespace qcow2stream::cli {
namespace {

// What is written to one comes out of the other, or stands between what the other has written.
bool is_same_stream(const struct stat& a, const struct stat& b) {
  if (S_ISFIFO(a.st_mode) || S_ISSOCK(a.st_mode)) {
    return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
  }
  return is_same_storage(a, b);
}

// A single warning among the bytes of the image would make it another one, or none.
void check_messages(const Options& options, const struct stat& out) {
  struct stat status {};
  if (!options.run && ::fstat(STDERR_FILENO, &status) == 0 && is_same_stream(out, status)) {
    throw Error(ErrorKind::kFailed, kStdoutName, "cannot be written",
                "standard error goes there, too, and messages would be in the image");
  }
  if (options.progress_fd < 0 || ::fstat(options.progress_fd, &status) != 0) return;
  if (!options.run && is_same_stream(out, status)) {
    throw Error(ErrorKind::kFailed, "--progress", "cannot be written", "the image goes there");
  }
  for (const auto& [name, in] : input_status(options)) {
    if (!is_same_storage(in, status)) continue;
    throw Error(ErrorKind::kFailed, "--progress", "cannot be written", "it is " + name);
  }
}

}  // namespace

void keep_closed_descriptors_free() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(fd, F_GETFD) >= 0) continue;
    // The lowest number that is free is this one. Without /dev/null there is nothing to be done.
    static_cast<void>(::open("/dev/null", (fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) | O_CLOEXEC));
  }
}

void check_stdout(const Options& options) {
  if (!options.run && ::isatty(STDOUT_FILENO) != 0) {
    throw Error(ErrorKind::kFailed, kStdoutName, "is a terminal",
                "redirect it into a file or a pipe");
  }
  struct stat out {};
  if (::fstat(STDOUT_FILENO, &out) != 0) return;
  check_messages(options, out);
  for (const auto& [name, in] : input_status(options)) {
    if (is_same_storage(out, in)) {
      throw Error(ErrorKind::kFailed, name, "cannot be read", "standard output writes to it");
    }
  }
}

void print_to_stdout(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0) {
    throw system_error(kStdoutName, "write failed", errno);
  }
}

void close_stdout() {
  if (::close(STDOUT_FILENO) != 0) throw system_error(kStdoutName, "close failed", errno);
}

// Nothing else: one socket may well be both ends.
bool is_same_storage(const struct stat& a, const struct stat& b) {
  if (S_ISREG(a.st_mode)) return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
  return S_ISBLK(a.st_mode) && S_ISBLK(b.st_mode) && a.st_rdev == b.st_rdev;
}

}  // namespace qcow2stream::cli
