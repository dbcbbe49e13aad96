// SPDX-License-Identifier: GPL-2.0-or-later

#include "qcow2-to-stdout/standard_output.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/errors.h"
#include "common/message.h"
#include "common/standard_output.h"
#include "qcow2-to-stdout/run_ends.h"
#include "qcow2stream/error.h"
#include "run_command/command.h"

namespace qcow2stream::cli {
namespace {

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

std::unique_ptr<Destination> make_destination(const OutputJob& output) {
  if (output.command && !output.mount) return std::make_unique<Command>(*output.command);
  return std::make_unique<StandardOutput>();
}

void check_image_is_alone(const Job& job) {
  if (!image_goes_to_stderr(job.output) || !(anything_was_said() || says_something(job))) return;
  throw Error(ErrorKind::kFailed, kStdoutName, "cannot be written",
              "standard error goes there, too, and what is said would be in the image; "
              "send it elsewhere");
}

}  // namespace qcow2stream::cli
