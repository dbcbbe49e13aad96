// SPDX-License-Identifier: GPL-2.0-or-later

#include "qcow2-from-stdin/run.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/errors.h"
#include "common/message.h"
#include "common/usage_error.h"
#include "qcow2-from-stdin/differences.h"
#include "qcow2-from-stdin/inputs.h"
#include "qcow2-from-stdin/remarks.h"
#include "qcow2-from-stdin/run_ends.h"
#include "qcow2-from-stdin/targets.h"
#include "qcow2stream/qcow2stream.h"

namespace qcow2stream::cli {
namespace {

using std::chrono::steady_clock;

RestoreOptions options_of(const Job& job, Session& session) {
  RestoreOptions options = job.restore;
  options.progress = &session.progress();
  options.on_image = [&session](const BegunImage& image) { session.report_image(image); };
  return options;
}

// --- the image ----------------------------------------------------------------------------------

StreamedImage stream_of(const OpenedInput& input, const InputJob& job) {
  return {.fd = input.stream,
          .file = input.file,
          .name = input.name,
          .size = job.size
                      ? job.size
                      : (input.file != nullptr ? std::optional(input.file->size()) : std::nullopt),
          .digests = algorithms_of(job.digests)};
}

// Something that can be sought may have been written to meanwhile, and then what was read may be a
// mixture.
void check_inputs_unchanged(const Images& images) {
  for (const OpenedInput& input : images.inputs) {
    if (input.file != nullptr) input.file->check_unchanged();
  }
}

// Hands all images to the restore. When it is over, they are what they should be.
void add_images(const Images& images, const Job& job, std::span<const Digest> expected,
                Restore& restore, Session& session) {
  if (images.disk != nullptr) {
    try {
      restore.add(*images.disk);
    } catch (const Error& error) {
      throw as_damage(error);
    }
  }
  for (const OpenedInput& input : images.inputs) {
    if (images.disk != nullptr) break;
    RestoredImage image = restore.add(stream_of(input, job.input));
    check_digests(input.name, image.digests, expected);
    say_remarks(job, input.name, image);
    session.set_digests(std::move(image.digests));
  }
  check_inputs_unchanged(images);
}

void check_images(const Images& images, const Job& job, std::span<const Digest> expected,
                  Session& session) {
  const RestoreOptions options = options_of(job, session);
  for (const OpenedInput& input : images.inputs) {
    CheckedImage image = check_image(stream_of(input, job.input), options);
    check_digests(input.name, image.digests, expected);
    say_remarks(job, input.name, image);
    session.set_digests(std::move(image.digests));
  }
  check_inputs_unchanged(images);
}

// --- what becomes of it -------------------------------------------------------------------------

[[noreturn]] void throw_differs(const Target& target, const std::string& what,
                                std::uint64_t bytes) {
  throw Error(ErrorKind::kDamaged, target.name(), what, fmt::format("{} bytes differ", bytes))
      .about(ErrorSubject::kTarget);
}

// All of the streams once more from their beginnings.
void begin_again(const Images& images) {
  for (const OpenedInput& input : images.inputs) {
    if (input.stream >= 0 && ::lseek(input.stream, 0, SEEK_SET) != 0) {
      throw system_error(input.name, "seek failed", errno);
    }
  }
}

// Compares what is stored with the images.
void verify(const Images& images, const Job& job, WatchedTarget& target, Session& session) {
  begin_again(images);
  const std::unique_ptr<Target> written = read_back(target);
  RestoreOptions options = job.restore;
  options.writing = RestoreOptions::Writing::kNothing;
  Restore comparison(*written, options);
  target.distrust();
  add_images(images, job, {}, comparison, session);
  const RestoreResult result = comparison.finish();
  if (result.different != 0)
    throw_differs(target, "does not hold what was written", result.different);
  target.trust();
}

// Those that can be read only once cannot be compared afterwards.
void check_can_verify(const Images& images) {
  for (const OpenedInput& input : images.inputs) {
    if (input.file != nullptr) continue;
    throw UsageError(
        fmt::format("--verify: {} can be read only once; restore it, and compare it "
                    "when it comes again: --compare",
                    input.name));
  }
}

}  // namespace

void run(const Job& job, Session& session) {
  if (job.telling.verbose) set_trace(message);
  const auto start = steady_clock::now();

  // 1. The ends: from here on nothing that is read can be written to.
  const std::vector<Source> sources = sources_of(job.input);
  Ends ends = ends_of(job, sources);
  ends.check();
  session.open_report(ends);
  session.show_progress();

  // 2. The images: from here on those that can be sought are known to be a chain, and their tables
  //    can be read.
  const std::vector<Digest> expected = read_digests(job.input.digests);
  const Images images = open_images(job.input, sources);
  if (job.verify) check_can_verify(images);
  warn(job, images);
  if (!job.target) {
    check_images(images, job, expected, session);
    session.finish_progress();
    return;
  }

  // 3. The target: from here on nobody else changes it.
  WatchedTarget& target = session.open_target();
  Differences differences;
  RestoreOptions options = options_of(job, session);
  if (job.compares()) options.on_difference = [&](GuestRange range) { differences.add(range); };
  Restore restore(target, options);

  // 4. The restore: what makes it look like a disk, or gives it its name, waits until all has come
  //    and is right.
  add_images(images, job, expected, restore, session);
  const RestoreResult result = restore.finish();

  // 5. What is there now: from here on it is complete, and stored.
  if (job.verify) verify(images, job, target, session);
  session.finish_progress();
  say_result(job, target, result,
             std::chrono::duration<double>(steady_clock::now() - start).count());
  if (!job.compares()) return;
  differences.print();
  if (result.different != 0) throw_differs(target, "is not what the image holds", result.different);
}

}  // namespace qcow2stream::cli
