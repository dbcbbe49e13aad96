// SPDX-License-Identifier: GPL-2.0-or-later

#include "cli/standard_output.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "base/errors.h"
#include "cli/open_input.h"
#include "qcow2stream/error.h"

namespace qcow2stream::cli {

void check_stdout(const Options& options) {
  if (!options.run && ::isatty(STDOUT_FILENO) != 0) {
    throw Error(ErrorKind::kFailed, kStdoutName, "is a terminal",
                "redirect it into a file or a pipe");
  }
  struct stat out {};
  if (::fstat(STDOUT_FILENO, &out) != 0) return;
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
