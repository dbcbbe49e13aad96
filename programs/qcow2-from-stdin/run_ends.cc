// SPDX-License-Identifier: GPL-2.0-or-later

#include "qcow2-from-stdin/run_ends.h"

#include <unistd.h>

#include "common/named_ends.h"
#include "common/standard_output.h"

namespace qcow2stream::cli {
namespace {

using enum EndRole;

void add_target(Ends& ends, const TargetJob& target) {
  switch (target.place) {
    case TargetJob::Place::kStandardOutput:
      ends.add(kImage, kStdoutName, STDOUT_FILENO, "the disk");
      return;
    case TargetJob::Place::kPath:
      ends.add(kTarget, target.name, target.name, "the disk");
      return;
    case TargetJob::Place::kServer:
      return;
  }
}

}  // namespace

Ends ends_of(const Job& job, const std::vector<Source>& sources) {
  Ends ends;
  if (job.target) add_target(ends, *job.target);
  if (job.compares()) ends.add(kAnswer, kStdoutName, STDOUT_FILENO, kStdoutName);
  for (const Source& source : sources) {
    if (const auto* file = std::get_if<File>(&source)) add_read_file(ends, file->path);
    if (std::holds_alternative<StandardInput>(source)) {
      ends.add(kRead, name_of(source), STDIN_FILENO);
    }
  }
  for (const ExpectedDigest& digest : job.input.digests) {
    if (const auto* file = std::get_if<std::string>(&digest.value)) add_read_file(ends, *file);
  }
  if (job.manifests.manifest) add_read_file(ends, *job.manifests.manifest);
  if (job.manifests.base) add_read_file(ends, *job.manifests.base);
  ends.add(kMessages, "standard error", STDERR_FILENO, "standard error");
  if (job.telling.progress_fd >= 0) {
    ends.add(kProgress, "--progress", job.telling.progress_fd, "progress");
  }
  if (job.report) add_side_file(ends, *job.report);
  if (job.manifests.save) add_side_file(ends, *job.manifests.save);
  return ends;
}

}  // namespace qcow2stream::cli
