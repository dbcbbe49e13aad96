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
#include "qcow2-from-stdin/content.h"
#include "qcow2-from-stdin/differences.h"
#include "qcow2-from-stdin/inputs.h"
#include "qcow2-from-stdin/remarks.h"
#include "qcow2-from-stdin/run_ends.h"
#include "qcow2-from-stdin/targets.h"
#include "qcow2stream/qcow2stream.h"

namespace qcow2stream::cli {
namespace {

using std::chrono::steady_clock;

RestoreOptions options_of(const Job& job, const ExpectedContent& expected, Session& session) {
  RestoreOptions options = job.restore;
  options.expected = expected;
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
      restore.add(*images.disk, images.roots);
    } catch (const Error& error) {
      throw as_damage(error);
    }
  }
  for (const OpenedInput& input : images.inputs) {
    if (images.disk != nullptr) break;
    StreamedImage stream = stream_of(input, job.input);
    stream.is_last = &input == &images.inputs.back();
    RestoredImage image = restore.add(stream);
    check_digests(input.name, image.digests, expected);
    say_remarks(job, input.name, image);
    session.set_digests(std::move(image.digests));
  }
  check_inputs_unchanged(images);
}

// What images that can be read at any place make together, without a target.
std::shared_ptr<ManifestBuilder> prove_chain(const Images& images, const Job& job,
                                             const ExpectedContent& expected) {
  const bool is_expected = expected.manifest != nullptr || expected.root || expected.hash;
  const bool has_root = images.roots && images.roots->names_root;
  if (!is_expected && !has_root) return nullptr;
  const auto disk = disk_of_all(job.input, images);
  auto content = hash_content(
      *disk, {.chunk_bits = expected.manifest != nullptr ? expected.manifest->header().chunk_bits
                                                         : expected.chunk_bits,
              .threads = job.restore.threads});
  prove_content(disk->name(), content, expected, images.roots);
  return content;
}

void check_images(const Images& images, const Job& job, const ExpectedContent& expected,
                  std::span<const Digest> digests, SavedManifest& saved, Session& session) {
  // A chain can be looked at as a whole where all of it can be read again; else it is while it
  // comes.
  const bool is_read_again = images.inputs.size() > 1 && can_be_read_again(images);
  RestoreOptions options = options_of(job, expected, session);
  if (is_read_again) options.expected = {.ignore_own = expected.ignore_own};
  std::optional<ContentDigest> parent;
  options.on_image = [&](const BegunImage& image) {
    session.report_image(image);
    parent = image.roots ? image.roots->parent : std::nullopt;
  };
  ImageCheck check(options);
  std::vector<CheckedImage> checked;
  for (const OpenedInput& input : images.inputs) {
    StreamedImage stream = stream_of(input, job.input);
    stream.is_last = &input == &images.inputs.back();
    CheckedImage image = check.add(stream);
    check_digests(input.name, image.digests, digests);
    session.set_digests(std::move(image.digests));
    checked.push_back(std::move(image));
  }
  const auto content = is_read_again ? prove_chain(images, job, expected) : check.finish();
  check_inputs_unchanged(images);
  // Of images that are right: of others the error says it.
  for (std::size_t i = 0; i < checked.size(); ++i) {
    say_remarks(job, images.inputs[i].name, checked[i]);
  }
  saved.write(content, parent);
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
  options.expected = {.ignore_own = true};  // that was proven
  Restore comparison(*written, options);
  target.distrust();
  add_images(images, job, {}, comparison, session);
  const RestoreResult result = comparison.finish();
  if (result.different != 0)
    throw_differs(target, "does not hold what was written", result.different);
  target.trust();
}

// Compares what the target holds with what it should hold, without an image.
void compare_content(const Job& job, const ExpectedContent& expected, WatchedTarget& target,
                     Session& session) {
  Differences differences;
  CompareOptions options{.threads = job.restore.threads,
                         .most_per_second = job.restore.most_per_second,
                         .progress = &session.progress()};
  if (expected.manifest == nullptr) {
    const std::uint64_t size = target.traits().current_size.value_or(0);
    const auto content = hash_target(target, (size + 511) / 512 * 512, kDefaultChunkBits, options);
    session.finish_progress();
    if (content->root() == *expected.root) return;
    throw Error(ErrorKind::kDamaged, target.name(), "does not hold what is expected",
                fmt::format("its root is {}", root_text(content->root())))
        .about(ErrorSubject::kTarget);
  }
  const Manifest& manifest = *expected.manifest;
  options.on_difference = [&](GuestRange range) { differences.add(range); };
  const ComparedContent result = compare_with(target, manifest, options);
  session.finish_progress();
  RestoreResult summary;
  summary.disk_size = manifest.header().length;
  if (!job.telling.quiet) say_what_lies_behind(job, target, summary);
  differences.print();
  if (result.different == 0) return;
  throw Error(ErrorKind::kDamaged, target.name(),
              fmt::format("is not what {} says", manifest.name()),
              fmt::format("{} of {} chunks differ", result.different, result.chunks))
      .about(ErrorSubject::kTarget);
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
  SavedManifest saved(job.manifests, ends);
  session.show_progress();

  // 2. What is expected, and the images: from here on those that can be sought are known to be a
  //    chain, and their tables can be read.
  const ExpectedContent expected = expected_content(job);
  if (job.input.sources.empty()) {
    compare_content(job, expected, session.open_target(), session);
    return;
  }
  const std::vector<Digest> digests = read_digests(job.input.digests);
  const Images images = open_images(job.input, sources);
  if (job.verify) check_can_verify(images);
  check_roots(expected, images);
  warn(job, images);
  if (!job.target) {
    check_images(images, job, expected, digests, saved, session);
    session.finish_progress();
    return;
  }

  // 3. The target: from here on nobody else changes it.
  WatchedTarget& target = session.open_target();
  Differences differences;
  std::optional<ContentDigest> parent;
  RestoreOptions options = options_of(job, expected, session);
  options.on_image = [&](const BegunImage& image) {
    session.report_image(image);
    parent = image.roots ? image.roots->parent : std::nullopt;
    const bool can_be_repeated = expected.base != nullptr && expected.manifest != nullptr;
    if (parent && !expected.trust_target && !can_be_repeated) target.will_need_trust();
  };
  if (job.compares()) options.on_difference = [&](GuestRange range) { differences.add(range); };
  Restore restore(target, options);

  // 4. The restore: what makes it look like a disk, or gives it its name, waits until all has come
  //    and is right.
  add_images(images, job, digests, restore, session);
  const RestoreResult result = restore.finish();

  // 5. What is there now: from here on it is complete, and stored.
  if (job.verify) verify(images, job, target, session);
  saved.write(result.content, parent);
  session.finish_progress();
  say_result(job, target, result,
             std::chrono::duration<double>(steady_clock::now() - start).count());
  if (!job.compares()) return;
  differences.print();
  if (result.different != 0) throw_differs(target, "is not what the image holds", result.different);
}

}  // namespace qcow2stream::cli
