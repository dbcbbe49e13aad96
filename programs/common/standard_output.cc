// SPDX-License-Identifier: GPL-2.0-or-later

#include "common/standard_output.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "base/errors.h"
#include "qcow2stream/error.h"
#include "qcow2stream/sink.h"
#include "system/qemu_locks.h"

namespace qcow2stream::cli {

void keep_closed_descriptors_free() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(fd, F_GETFD) >= 0) continue;
    // The lowest number that is free is this one. Whoever uses it hears that it is not open.
    static_cast<void>(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
  }
}

void print_to_stdout(std::string_view text) {
  static_cast<void>(make_descriptor_sink(STDOUT_FILENO, kStdoutName));  // it is open
  struct stat out {};
  if (::fstat(STDOUT_FILENO, &out) == 0 && S_ISREG(out.st_mode) &&
      qemu_locks::is_being_read(STDOUT_FILENO)) {
    throw Error(ErrorKind::kFailed, kStdoutName, "cannot be written",
                "it is being read as an image");
  }
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0) {
    throw system_error(kStdoutName, "write failed", errno);
  }
}

}  // namespace qcow2stream::cli
