// SPDX-License-Identifier: GPL-2.0-or-later

#include "qcow2-to-stdout/run.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "common/message.h"
#include "qcow2-to-stdout/advice.h"
#include "qcow2-to-stdout/digest_files.h"
#include "qcow2-to-stdout/header_info.h"
#include "qcow2-to-stdout/image_match.h"
#include "qcow2-to-stdout/measure.h"
#include "qcow2-to-stdout/open_input.h"
#include "qcow2-to-stdout/plan_options.h"
#include "qcow2-to-stdout/progress_display.h"
#include "qcow2-to-stdout/run_ends.h"
#include "qcow2-to-stdout/sectors.h"
#include "qcow2-to-stdout/side_file.h"
#include "qcow2-to-stdout/standard_output.h"
#include "qcow2-to-stdout/taken_as_raw.h"
#include "qcow2stream/qcow2stream.h"
#include "system/memory_limit.h"

namespace qcow2stream::cli {
namespace {

// --allow-changes: the image is what a machine finds after its power has failed, at best.
OnChange on_change(const Options& options) {
  if (!options.allow_changes) return {};
  return [](const Error& error) { message(std::string(error.what()) + ", going on"); };
}

EmitOptions emit_options(const Options& options, Progress& progress) {
  return {.threads = options.threads,
          .digests = algorithms_of(options),
          .flush = options.flush,
          .on_change = on_change(options),
          .progress = &progress};
}

// What can be said about the output before the disk is looked at.
void check_destination(const Options& options, const Ends& ends, Run& state) {
  if (options.action == Action::kConvert) {
    check_output(*state.destination, 0, emit_options(options, state.progress));
  }
  ends.check();
}

// What the caller already knows about DISK and the base.
void apply_header_info(Options& options) {
  if (options.info) {
    const HeaderInfo info = read_header_info(*options.info);
    options.virtual_size = info.virtual_size;
    if (info.cluster_size && !options.cluster_size_given && !options.plan) {
      options.image.cluster_size = static_cast<std::uint32_t>(
          std::min<std::uint64_t>(*info.cluster_size, std::numeric_limits<std::uint32_t>::max()));
      if (const auto problem = find_problem(options.image)) {
        throw Error(ErrorKind::kFailed, *options.info, "gives no image", problem->reason);
      }
    }
  }
  if (options.base_info) {
    options.base_virtual_size = read_header_info(*options.base_info).virtual_size;
  }
}

HostRange range_of(const Image& image, const Options& options) {
  const std::uint64_t offset = options.offset.value_or(0);
  if (offset > image.size()) {
    throw UsageError(
        fmt::format("--offset: {} is past the end of the image ({} bytes)", offset, image.size()));
  }
  const std::uint64_t rest = image.size() - offset;
  return {HostOffset(offset), std::min(rest, options.length.value_or(rest))};
}

// A machine, or a container, with little memory has other uses for it. Nothing but time depends on
// this.
std::uint64_t spool_memory(const Options& options) {
  return options.spool_memory.value_or(std::min(kDefaultSpoolMemory, memory_limit() / 4));
}

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// What the survey is asked: all of the disk, what differs from a base, or what is said to have
// changed.
std::variant<Full, Against, Only> question_of(const Opened& input, std::shared_ptr<const Disk> base,
                                              const Options& options) {
  const auto allocation = [&](const std::optional<std::string>& list) -> Allocation {
    if (list) return AllocationList{*list};
    if (!options.use_extents) return Everything{};
    return DiskItself{};
  };
  if (input.changes) {
    return Only{.changes = input.changes, .believe_zeros = options.use_extents};
  }
  if (options.changed_map) return Only{.changes = ChangedList{*options.changed_map}};
  if (!base) return Full{allocation(options.map)};
  return Against{.base = std::move(base),
                 .allocation = allocation(options.map),
                 .base_allocation = allocation(options.base_map)};
}

Image survey_image(const Opened& input, const std::shared_ptr<const Disk>& base,
                   const Options& options, Progress& progress) {
  const bool emits = options.action == Action::kConvert;
  SurveyResult found = survey(*input.disk, options.image,
                              {.what = question_of(input, base, options),
                               .scan = options.scan,
                               .threads = options.threads,
                               .spool_memory = emits ? spool_memory(options) : 0,
                               .spool_directory = emits ? options.spool_directory : std::nullopt,
                               .on_change = on_change(options),
                               .progress = &progress});
  return {input.disk, options.image, std::move(found)};
}

std::optional<SavedPlan> saved_plan(Options& options) {
  if (!options.plan) return std::nullopt;
  std::optional<SavedPlan> plan = load_plan(*options.plan);
  apply_plan(options, *plan);
  return plan;
}

// What --verbose tells of the survey.
void say_survey(const Image& image, const Options& options, double seconds) {
  const std::string& name = image.disk().name();
  const Measurement m = image.measure();
  message(fmt::format("{}: survey: {} of {} clusters hold data, {:.3f} s", name,
                      m.data + m.compressed, m.data + m.compressed + m.zero + m.unallocated,
                      seconds));
  if (options.image.compression) {
    message(fmt::format("{}: {} of them compressed, {} of {} bytes of that kept", name,
                        m.compressed, m.compressed_kept, m.compressed_bytes));
  }
}

// 1. The input: from here on its size is fixed.
struct Disks {
  OpenedSource opened;
  std::shared_ptr<const Disk> base;
};

Disks open_disks(Options& options, Progress& progress) {
  apply_header_info(options);
  const Input input = disk_of(options);
  const std::optional<Input> base = base_of(options);
  // Before hours of reading.
  if (const auto size = announced_size(input.source)) {
    check_disk_size(name_of(input.source), *size, options.image);
  }
  Disks disks{.opened = open_input(input, progress), .base = nullptr};
  const Disk& disk = *disks.opened.disk;
  check_disk_size(disk.name(), disk.size(), options.image);
  if (base) disks.base = open_base(*base, progress);
  refuse_disk_as_raw(disk, input);
  if (base) refuse_base_as_raw(*disks.base, *base);
  return disks;
}

bool can_be_read_twice(const Input& input) {
  return !(announced_size(input.source) && input.reading.in_one_pass);
}

// What the disk says of its holes is of no interest to whom it is not asked for.
bool concerns(const Caveat& caveat, const Options& options) {
  const bool asks_for_holes = options.use_extents && options.scan != Scan::kNone && !options.map;
  return asks_for_holes || caveat.advice != Advice::kWithoutExtents;
}

void warn(const Disks& disks, const Ends& ends, const Options& options) {
  if (options.quiet) return;
  const Disk& disk = *disks.opened.disk;
  const Disk* base = disks.base.get();
  if (disks.opened.warning) message(*disks.opened.warning);
  for (const Disk* one : {&disk, base}) {
    if (one == nullptr) continue;
    for (const Caveat& caveat : one->caveats()) {
      if (!concerns(caveat, options)) continue;
      message(one->name() + ": " + caveat.text + advice_text(caveat.advice));
    }
  }
  if (const auto warning = warning_about_users(ends)) message(*warning);
  const Input input = disk_of(options);
  if (can_be_read_twice(input)) {
    if (const auto warning = warning_about_sectors(disk, raw_device(ends, input))) {
      message(*warning);
    }
  }
  if (const auto warning = warning_about_raw_disk(disk, input)) message(*warning);
  if (const auto warning = warning_about_holes(disk, options)) message(*warning);
  if (base == nullptr) return;
  if (const auto warning = warning_about_raw_base(*base, *base_of(options))) message(*warning);
}

// 2. The survey, and 3. the plan: from here on every offset in the image is fixed.
Image make_image(const Disks& disks, std::optional<SavedPlan> plan, const Options& options,
                 Progress& progress) {
  return plan ? image_of_plan(disks.opened.disk, *std::move(plan), options.assume_unchanged)
              : survey_image(disks.opened, disks.base, options, progress);
}

void write_plan(const Image& image, const Options& options, SideFile& file) {
  check_unchanged(image.disk(), on_change(options));
  const std::vector<std::byte> plan = encode_plan(image, options.shallow);
  file.begin();
  file.write(std::string_view(reinterpret_cast<const char*>(plan.data()), plan.size()));
  file.close();
  file.keep();
}

constexpr SideFileKind kPlan = {.name = "a plan", .is_old_one = [](std::string_view beginning) {
                                  return beginning.starts_with(kPlanBeginning);
                                }};

// The files beside the image that come from it. What cannot be written is known before the survey.
struct SideFiles {
  SideFiles(const Options& options, Ends& ends) : digests(options, ends) {
    if (options.save_plan) plan.emplace(*options.save_plan, kPlan, ends);
  }
  DigestFiles digests;
  std::optional<SideFile> plan;
};

void open_report(const std::string& file, Ends& ends, Run& state) {
  state.report_was_tried = true;
  state.report.emplace(file, ends);
  state.open_report = &*state.report;
}

std::string emission_text(const EmitResult& result, HostRange range, const Sink& sink) {
  return fmt::format("{}: wrote {} bytes, {} of them by {}", sink.name(), range.length,
                     result.transferred, result.method);
}

}  // namespace

void run(Options options, Run& state) {
  if (options.verbose) set_trace(message);
  // Before anything is written to, since the image may refer to that.
  std::optional<SavedPlan> plan = saved_plan(options);
  Ends ends = ends_of(options);
  if (options.report) open_report(*options.report, ends, state);
  check_destination(options, ends, state);
  SideFiles files(options, ends);
  const auto start = std::chrono::steady_clock::now();
  ProgressDisplay display(options, state.progress, state.report ? &*state.report : nullptr);

  const Disks disks = open_disks(options, state.progress);
  check_served_files(ends);
  warn(disks, ends, options);
  const auto made =
      std::make_shared<const Image>(make_image(disks, std::move(plan), options, state.progress));
  const Image& image = *made;
  const HostRange range = range_of(image, options);
  check_id(image, options);
  if (files.plan) write_plan(image, options, *files.plan);
  if (options.verbose) say_survey(image, options, seconds_since(start));
  if (state.report) state.report->plan(measure_json(image, range));
  if (options.action == Action::kMeasure) {
    check_unchanged(image.disk(), on_change(options));
    display.finish();
    print_to_stdout(measure_text(image, range, options));
    return;
  }

  check_image_is_alone(options);
  files.digests.begin();
  // 4. The emission: the last piece goes out after the disk was seen to be unchanged. The output is
  // closed when it returns, and what was written is right.
  state.output.begin(made, range, *state.destination);
  EmitResult result = emit(image, range, *state.destination, emit_options(options, state.progress));
  state.output.end();
  files.digests.write(result.digests);
  display.finish();
  files.digests.print(result.digests);
  files.digests.keep();
  if (options.verbose) {
    message(fmt::format("{}, {:.3f} s", emission_text(result, range, *state.destination),
                        seconds_since(start)));
  }
  state.digests = std::move(result.digests);
}

}  // namespace qcow2stream::cli
