// SPDX-License-Identifier: GPL-2.0-or-later

#include "qcow2-to-stdout/standard_output.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "base/errors.h"
#include "common/message.h"
#include "qcow2-to-stdout/run_ends.h"
#include "qcow2stream/error.h"
#include "run_command/command.h"
#include "system/qemu_locks.h"

namespace qcow2stream::cli {
namespace {

[[noreturn]] void throw_cannot_be_written(const std::string& name, const std::string& reason) {
  throw Error(ErrorKind::kFailed, name, "cannot be written", reason);
}

// Beside messages.
bool says_something(const Job& job) {
  const bool prints_digests = std::ranges::any_of(
      job.beside.digests, [](const DigestRequest& request) { return !request.file; });
  return job.telling.verbose || job.allow_changes || prints_digests ||
         (job.telling.progress == ProgressStyle::kBar && !job.telling.quiet);
}

class StandardOutput final : public Destination {
 public:
  StandardOutput() : Destination(STDOUT_FILENO, kStdoutName) {}

  void check(std::uint64_t length, bool flush) const override {
    Destination::check(length, flush);
    if (::isatty(STDOUT_FILENO) == 0) return;
    throw Error(ErrorKind::kFailed, kStdoutName, "is a terminal",
                "redirect it into a file or a pipe");
  }

  // The result of close() counts: a network file system may report a failed write only there.
  void finish() override {
    if (::close(STDOUT_FILENO) != 0) throw system_error(kStdoutName, "close failed", errno);
  }
};

}  // namespace

void keep_closed_descriptors_free() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(fd, F_GETFD) >= 0) continue;
    // The lowest number that is free is this one. Whoever uses it hears that it is not open.
    static_cast<void>(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
  }
}

std::unique_ptr<Destination> make_destination(const OutputJob& output) {
  if (output.command) return std::make_unique<Command>(*output.command);
  return std::make_unique<StandardOutput>();
}

void check_image_is_alone(const Job& job) {
  if (!image_goes_to_stderr(job.output) || !(anything_was_said() || says_something(job))) return;
  throw_cannot_be_written(kStdoutName,
                          "standard error goes there, too, and what is said would be in the image; "
                          "send it elsewhere");
}

void print_to_stdout(std::string_view text) {
  static_cast<void>(make_descriptor_sink(STDOUT_FILENO, kStdoutName));  // it is open
  struct stat out {};
  if (::fstat(STDOUT_FILENO, &out) == 0 && S_ISREG(out.st_mode) &&
      qemu_locks::is_being_read(STDOUT_FILENO)) {
    throw_cannot_be_written(kStdoutName, "it is being read as an image");
  }
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0) {
    throw system_error(kStdoutName, "write failed", errno);
  }
}

}  // namespace qcow2stream::cli
