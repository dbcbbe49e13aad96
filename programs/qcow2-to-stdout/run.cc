// SPDX-License-Identifier: GPL-2.0-or-later

#include "qcow2-to-stdout/run.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "common/message.h"
#include "common/standard_output.h"
#include "common/usage_error.h"
#include "qcow2-to-stdout/image_match.h"
#include "qcow2-to-stdout/left_out.h"
#include "qcow2-to-stdout/measure.h"
#include "qcow2-to-stdout/mounted.h"
#include "qcow2-to-stdout/open_input.h"
#include "qcow2-to-stdout/run_ends.h"
#include "qcow2-to-stdout/side_files.h"
#include "qcow2-to-stdout/standard_output.h"
#include "qcow2-to-stdout/warnings.h"
#include "qcow2stream/qcow2stream.h"
#include "system/memory_limit.h"

namespace qcow2stream::cli {
namespace {

using std::chrono::steady_clock;

double seconds_since(steady_clock::time_point start) {
  return std::chrono::duration<double>(steady_clock::now() - start).count();
}

// --allow-changes: the image is what a machine finds after its power has failed, at best.
OnChange on_change(const Job& job) {
  if (!job.allow_changes) return {};
  return [](const Error& error) { message(std::string(error.what()) + ", going on"); };
}

// Throws Error if the disk, or what says that a part of it can be left out, has changed.
void check_input(const Image& image, const Job& job) {
  check_unchanged(image.disk(), on_change(job));
  image.check_left_out();
}

// --- the image ----------------------------------------------------------------------------------

// A machine, or a container, with little memory has other uses for it. Nothing but time depends on
// this.
std::uint64_t spool_memory(const SurveyJob& job) {
  return job.spool_memory.value_or(std::min(kDefaultSpoolMemory, memory_limit() / 4));
}

// Where the disk is what a list shows of it, it says so itself.
Allocation allocation_of(const SurveyJob& job) {
  return job.listed_unit ? Allocation(DiskItself{}) : job.allocation;
}

Disks open_all(const Job& job, Progress& progress) {
  Disks disks = open_disks(job, progress);
  if (job.survey.listed_unit) {
    disks.opened.disk =
        listed_disk(disks.opened.disk, std::get<AllocationList>(job.survey.allocation),
                    *job.survey.listed_unit);
  }
  return disks;
}

// What the survey is asked: all of the disk, what differs from a base, or what is said to have
// changed.
Question question_of(const SurveyJob& job, const Disks& disks) {
  if (disks.opened.changes) {
    return Only{.changes = disks.opened.changes,
                .believe_zeros = !std::holds_alternative<Everything>(job.allocation),
                .base = job.base_manifest};
  }
  if (job.changed) return Only{.changes = *job.changed, .base = job.base_manifest};
  const Allocation allocation = allocation_of(job);
  if (job.base_manifest && !disks.base) {
    return AgainstManifest{.base = job.base_manifest, .allocation = allocation};
  }
  if (!disks.base) return Full{allocation};
  return Against{
      .base = disks.base, .allocation = allocation, .base_allocation = job.base_allocation};
}

// Compressed clusters that are kept decide what the image's are.
ImageOptions image_options(const Job& job, const Disk& disk) {
  ImageOptions image = job.image;
  const StoredClusters* stored = disk.stored_clusters();
  if (image.compression && image.compression->keep && stored != nullptr) {
    image.compression->type = stored->type();
  }
  if (const auto problem = find_problem(image)) {
    throw Error(ErrorKind::kFailed, disk.name(), "its compressed clusters cannot be kept",
                problem->reason);
  }
  return image;
}

Image make_image(const Job& job, const Disks& disks, Progress& progress) {
  const std::shared_ptr<const Disk>& disk = disks.opened.disk;
  if (job.planned) return image_of_plan(disk, job.planned->plan, job.planned->assume_unchanged);
  // What only measures keeps nothing.
  const bool emits = !job.output.measure;
  const ImageOptions options = image_options(job, *disk);
  SurveyResult found = survey(*disk, options,
                              {.what = question_of(job.survey, disks),
                               .scan = job.survey.scan,
                               .threads = job.survey.threads,
                               .spool_memory = emits ? spool_memory(job.survey) : 0,
                               .spool_directory = emits ? job.survey.spool_directory : std::nullopt,
                               .hash_chunk_bits = job.survey.hash_chunk_bits,
                               .left_out = disks.left_out,
                               .base_image = job.survey.base_manifest,
                               .most_per_second = job.most_per_second,
                               .on_change = on_change(job),
                               .progress = &progress});
  return {disk, options, std::move(found)};
}

// Parts of a file meet where its pages do, and are as much alike as that lets them be.
constexpr std::uint64_t kPartUnit = 64 << 10;

HostRange range_of(const NumberedPart& part, std::uint64_t size) {
  const std::uint64_t units = size / kPartUnit + (size % kPartUnit != 0 ? 1 : 0);
  const auto begin = [&](std::uint64_t before) {
    const std::uint64_t n = units / part.count * before + std::min(before, units % part.count);
    return std::min(size, n * kPartUnit);
  };
  return {HostOffset(begin(part.number - 1)), begin(part.number) - begin(part.number - 1)};
}

// Of what has `size` bytes and is called `what`.
HostRange range_of(const WantedRange& wanted, std::uint64_t size, const char* what) {
  if (wanted.part) return range_of(*wanted.part, size);
  const std::uint64_t offset = wanted.offset.value_or(0);
  if (offset > size) {
    throw UsageError(
        fmt::format("--offset: {} is past the end of the {} ({} bytes)", offset, what, size));
  }
  const std::uint64_t rest = size - offset;
  return {HostOffset(offset), std::min(rest, wanted.length.value_or(rest))};
}

// What --verbose tells of the input.
void say_reader(const OpenedSource& source) {
  if (source.reader == Reader::kNobody) return;
  const char* reader = "this program";
  if (source.reader == Reader::kConfined) reader = "this program, in a process that is confined";
  if (source.reader == Reader::kQemu) reader = "QEMU";
  message(fmt::format("{}: is read by {}{}{}", source.disk->name(), reader,
                      source.why_qemu.empty() ? "" : ": ", source.why_qemu));
}

// What --verbose tells of the survey.
void say_survey(const Image& image, double seconds) {
  const std::string& name = image.disk().name();
  const Measurement m = image.measure();
  message(fmt::format("{}: survey: {} of {} clusters hold data, {:.3f} s", name,
                      m.data + m.compressed, m.data + m.compressed + m.zero + m.unallocated,
                      seconds));
  if (image.options().compression) {
    message(fmt::format("{}: {} of them compressed, {} of {} bytes of that kept", name,
                        m.compressed, m.compressed_kept, m.compressed_bytes));
  }
}

// --- the output ---------------------------------------------------------------------------------

EmitOptions emit_options(const Job& job, Progress& progress) {
  return {.threads = job.output.threads,
          .digests = job.output.digests,
          .flush = job.output.flush,
          .most_per_second = job.most_per_second,
          .on_change = on_change(job),
          .progress = &progress};
}

// What can be said about the output before the disk is looked at.
void check_destination(const Job& job, const Ends& ends, Session& session) {
  if (!job.output.measure && !job.output.mount) {
    check_output(session.destination(), 0, emit_options(job, session.progress()));
  }
  ends.check();
}

void print_measurement(const Image& image, const OpenedSource& source, HostRange range,
                       const Job& job, SideFiles& files, Session& session) {
  check_input(image, job);
  if (files.wants_manifest()) {
    files.write_manifest(image, *image.content());
    files.keep_manifest();
  }
  session.finish_progress();
  print_to_stdout(
      measure_text(image, source, range, !job.output.range.is_all(), *job.output.measure));
}

void print_root(const Disks& disks, const Job& job, Session& session) {
  const Disk& disk = *disks.opened.disk;
  const auto content = hash_content(disk, {.allocation = allocation_of(job.survey),
                                           .left_out = disks.left_out,
                                           .threads = job.survey.threads,
                                           .most_per_second = job.most_per_second,
                                           .progress = &session.progress()});
  check_unchanged(disk, on_change(job));
  if (disks.left_out != nullptr) check_left_out(*disks.left_out, disk);
  session.finish_progress();
  print_to_stdout(root_text(content->root()) + "\n");
}

// What was read from a pipe would have to come again.
bool comes_again(const Source& source, const Disk& disk) {
  return !std::holds_alternative<StandardInput>(source) || disk.stamp().has_value();
}

// With a manifest, which is complete before the last piece of the image goes out.
EmitOptions emit_options(const Image& image, const Job& job, SideFiles& files,
                         ManifestBuilder& content, Session& session) {
  EmitOptions options = emit_options(job, session.progress());
  if (image.content() != nullptr) {
    options.expected = image.content().get();
  } else if (files.wants_manifest()) {
    options.content = &content;
  }
  if (files.wants_manifest()) {
    options.before_last = [&] {
      files.write_manifest(image, image.content() != nullptr ? *image.content() : content);
    };
  }
  return options;
}

EmitResult write_image(const std::shared_ptr<const Image>& image, HostRange range, const Job& job,
                       SideFiles& files, Session& session) {
  session.output().begin(image, range, job.output.range,
                         comes_again(job.disk.source, image->disk()), session.destination());
  ManifestBuilder content(image->measure().virtual_size, job.beside.manifest_chunk_bits);
  EmitResult result = emit(*image, range, session.destination(),
                           emit_options(*image, job, files, content, session));
  session.output().end();
  return result;
}

// The disk itself.
EmitResult write_disk(const Disk& disk, HostRange range, const Job& job, Session& session) {
  session.output().begin(nullptr, range, job.output.range, false, session.destination());
  EmitResult result =
      emit_disk(disk, range, session.destination(), emit_options(job, session.progress()));
  session.output().end();
  return result;
}

std::string emission_text(const EmitResult& result, HostRange range, const Sink& sink) {
  return fmt::format("{}: wrote {} bytes, {} of them by {}", sink.name(), range.length,
                     result.transferred, result.method);
}

// What is said of what was written: from here on its digests stay.
void say_written(EmitResult result, HostRange range, steady_clock::time_point start, const Job& job,
                 SideFiles& files, Session& session) {
  files.digests().write(result.digests);
  session.finish_progress();
  files.digests().print(result.digests);
  files.digests().keep();
  if (job.telling.verbose) {
    message(fmt::format("{}, {:.3f} s", emission_text(result, range, session.destination()),
                        seconds_since(start)));
  }
  session.set_digests(std::move(result.digests));
}

// -O raw: the disk goes out, or is mounted, as it is. Nothing of it is surveyed.
void give_disk(const std::shared_ptr<const Disk>& disk, steady_clock::time_point start,
               const Job& job, SideFiles& files, Session& session) {
  if (job.output.mount) {
    mount_disk(disk, job, session);
    return;
  }
  const HostRange range = range_of(job.output.range, emitted_size(*disk), "disk");
  check_image_is_alone(job);
  files.digests().begin();
  say_written(write_disk(*disk, range, job, session), range, start, job, files, session);
}

}  // namespace

void run(const Job& job, Session& session) {
  if (job.telling.verbose) set_trace(message);
  const auto start = steady_clock::now();

  // 1. The ends: from here on nothing that is read can be written to, and all that is written
  //    beside the image is open.
  Ends ends = ends_of(job);
  session.open_report(ends);
  check_destination(job, ends, session);
  SideFiles files(job.beside, ends);
  session.show_progress(job);

  // 2. The input: from here on its size is fixed.
  Disks disks = open_all(job, session.progress());
  session.watch_losses(disks.opened.lost);
  check_served_files(ends);
  warn(job, disks, ends);
  if (job.telling.verbose) say_reader(disks.opened);
  if (job.output.raw) {
    give_disk(disks.opened.disk, start, job, files, session);
    return;
  }

  check_can_be_mounted(job, *disks.opened.disk);
  disks.left_out = find_left_out(job, disks, ends);

  if (job.output.measure == MeasureFormat::kRoot) {
    print_root(disks, job, session);
    return;
  }

  // 3. The survey and the plan: from here on every offset in the image is fixed.
  const auto image = std::make_shared<const Image>(make_image(job, disks, session.progress()));
  const HostRange range = range_of(job.output.range, image->size(), "image");
  if (job.output.if_match) check_id(*image, *job.output.if_match);
  if (files.wants_plan()) {
    check_input(*image, job);
    const auto& top = job.disk.reading.top;
    files.write_plan(*image, top ? top->images : 0);
  }
  if (job.telling.verbose) say_survey(*image, seconds_since(start));
  if (Report* report = session.report()) {
    report->plan(measure_json(*image, disks.opened, range));
  }
  if (job.output.measure) {
    print_measurement(*image, disks.opened, range, job, files, session);
    return;
  }
  if (job.output.mount) {
    mount_image(image, job, session);
    return;
  }

  // 4. The emission: the last piece goes out after the disk was seen to be unchanged. When it is
  //    over, the output is closed, and what was written is right.
  check_image_is_alone(job);
  files.digests().begin();
  EmitResult result = write_image(image, range, job, files, session);

  // 5. What is said of the image: from here on the digests stay.
  if (files.wants_manifest()) files.keep_manifest();
  say_written(std::move(result), range, start, job, files, session);
}

}  // namespace qcow2stream::cli
