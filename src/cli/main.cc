// SPDX-License-Identifier: GPL-2.0-or-later

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/errors.h"
#include "cli/command.h"
#include "cli/digest_files.h"
#include "cli/header_info.h"
#include "cli/measure.h"
#include "cli/open_input.h"
#include "cli/options.h"
#include "cli/outcome.h"
#include "cli/plan_options.h"
#include "cli/progress_display.h"
#include "cli/report.h"
#include "cli/signal_watch.h"
#include "cli/standard_output.h"
#include "qcow2stream/qcow2stream.h"

namespace qcow2stream::cli {
namespace {

// What is known of a run when it ends, however it ends.
struct Run {
  Progress progress;
  std::optional<Command> command;
  std::optional<Report> report;
  std::atomic<Report*> open_report = nullptr;  // the same, for the thread that watches signals
  std::vector<Digest> digests;                 // after success only
};

// Nobody can be told if this fails.
void message(std::string_view text) {
  const std::string line = fmt::format("{}: {}\n", kProgramName, one_line(text));
  static_cast<void>(std::fputs(line.c_str(), stderr));
}

// --allow-changes: the image is what a machine finds after its power has failed, at best.
OnChange on_change(const Options& options) {
  if (!options.allow_changes) return {};
  return [](const Error& error) { message(std::string(error.what()) + ", going on"); };
}

// Where the image goes, and what errors call it.
int output_of(const Run& state) {
  return state.command ? state.command->input() : STDOUT_FILENO;
}

EmitOptions emit_options(const Options& options, Progress& progress) {
  return {.output_name = options.run ? kCommandInput : kStdoutName,
          .threads = options.threads,
          .digests = algorithms_of(options),
          .flush = options.flush,
          .on_change = on_change(options),
          .progress = &progress};
}

// What can be said about the output before the disk is looked at.
void check_destination(const Options& options, Run& state) {
  check_output(output_of(state), 0, emit_options(options, state.progress));
  check_stdout(options);
}

void warn(const Input& input, const Disk* base, const Options& options) {
  if (options.quiet) return;
  if (input.warning) message(*input.warning);
  for (const Disk* disk : {input.disk.get(), base}) {
    if (disk == nullptr) continue;
    if (const auto caveat = disk->caveat()) message(disk->name() + ": " + *caveat);
  }
  for (const std::string& warning : input_warnings(*input.disk, options)) message(warning);
  if (base == nullptr) return;
  for (const std::string& warning : base_warnings(*base, options)) message(warning);
}

// What the caller already knows about DISK and the base.
void apply_header_info(Options& options) {
  if (options.info) {
    const HeaderInfo info = read_header_info(*options.info);
    options.virtual_size = info.virtual_size;
    if (info.cluster_size && !options.cluster_size_given) {
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

void check_id(const Image& image, const Options& options) {
  if (!options.if_match) return;
  if (const std::string id = image.id(); id != *options.if_match) {
    throw Error(ErrorKind::kMismatch, image.disk().name(), "does not give the image of --if-match",
                fmt::format("its image-id is {}", id));
  }
}

// A machine with little memory has other uses for it. Nothing but time depends on this.
std::uint64_t spool_memory(const Options& options) {
  const auto pages = static_cast<std::uint64_t>(std::max(0L, ::sysconf(_SC_PHYS_PAGES)));
  const auto page_size = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  return options.spool_memory.value_or(std::min(kDefaultSpoolMemory, pages * page_size / 4));
}

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

Image survey_image(const Input& input, const std::shared_ptr<const Disk>& base,
                   const Options& options, Progress& progress) {
  const bool emits = options.action == Action::kConvert;
  SurveyResult found = survey(*input.disk, options.image,
                              {.scan = options.scan,
                               .threads = options.threads,
                               .use_extents = options.use_extents,
                               .map_file = options.map,
                               .spool_memory = emits ? spool_memory(options) : 0,
                               .spool_directory = emits ? options.spool_directory : std::nullopt,
                               .base = base,
                               .base_map_file = options.base_map,
                               .changes = input.changes,
                               .changed_map_file = options.changed_map,
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

// The output is closed when it returns, and what was written is right.
EmitResult write_image(const Image& image, HostRange range, const Options& options, Run& state) {
  if (state.command) state.command->start(range.length, image.id());
  EmitResult result = emit(image, range, output_of(state), emit_options(options, state.progress));
  if (state.command) {
    state.command->finish();
  } else {
    close_stdout();
  }
  return result;
}

void run(Options options, Run& state) {
  if (options.report) {
    state.report.emplace(*options.report, options);
    state.open_report = &*state.report;
  }
  if (options.action == Action::kConvert) check_destination(options, state);
  DigestFiles digest_files(options);
  const auto start = std::chrono::steady_clock::now();
  ProgressDisplay display(options, state.progress, state.report ? &*state.report : nullptr);
  std::optional<SavedPlan> plan = saved_plan(options);

  // 1. The input: from here on its size is fixed.
  apply_header_info(options);
  const Input input = open_input(options, state.progress);
  const std::shared_ptr<const Disk>& disk = input.disk;
  check_disk_size(disk->name(), disk->size(), options.image);
  const std::shared_ptr<const Disk> base = open_base(options);
  warn(input, base.get(), options);

  // 2. The survey, and 3. the plan: from here on every offset in the image is fixed.
  const Image image = plan ? image_of_plan(disk, *std::move(plan), options.assume_unchanged)
                           : survey_image(input, base, options, state.progress);
  const HostRange range = range_of(image, options);
  check_id(image, options);
  if (options.save_plan) {
    check_unchanged(*disk, on_change(options));
    save_plan(image, *options.save_plan);
  }
  if (options.verbose) say_survey(image, options, seconds_since(start));
  if (state.report) state.report->plan(measure_json(image, range));
  if (options.action == Action::kMeasure) {
    check_unchanged(*disk, on_change(options));
    display.finish();
    print_to_stdout(measure_text(image, range, options));
    return;
  }

  // 4. The emission: the last piece goes out after the disk was seen to be unchanged.
  digest_files.begin();
  EmitResult result = write_image(image, range, options, state);
  digest_files.write(result.digests);
  display.finish();
  digest_files.print(result.digests);
  state.digests = std::move(result.digests);
  if (options.verbose) {
    message(fmt::format("{}: wrote {} bytes, {} of them by {}, {:.3f} s",
                        options.run ? kCommandInput : kStdoutName, range.length, result.transferred,
                        result.method, seconds_since(start)));
  }
}

// A bar is on the line where the message is going to be.
void clear_bar() {
  if (::isatty(STDERR_FILENO) != 0) static_cast<void>(std::fputs("\r\x1b[K", stderr));
}

void say_goodbye(const Options& options, const Run& state, int signal) {
  const std::string text = fmt::format("{}: ended by {}{}", disk_name(options), signal_name(signal),
                                       incomplete_note(state.progress));
  clear_bar();
  message(text);
  if (Report* report = state.open_report) {
    report->end(128 + signal, state.progress.emit_done, text, {});
  }
}

int guarded_run(const Options& options, const sigset_t& signals) {
  Run state;
  if (options.run) state.command.emplace(*options.run);  // before there are threads
  std::optional<SignalWatch> watch;
  Outcome outcome = outcome_of(options, state.progress, [&] {
    watch.emplace(
        signals, [&](int signal) { say_goodbye(options, state, signal); },
        [&] {
          clear_bar();
          message(fmt::format("{}: {}", disk_name(options), progress_line(state.progress)));
        });
    run(options, state);
  });
  if (!outcome.message.empty()) message(outcome.message);
  if (state.command) {
    const auto status = state.command->give_up(outcome.command_closed_input);
    if (status && outcome.command_closed_input) outcome.status = *status;
    if (state.command->is_alive()) {
      message("--run: the command cannot be ended: it belongs to another user");
    }
  }
  if (state.report) {
    state.report->end(outcome.status, state.progress.emit_done, outcome.message, state.digests);
  }
  return outcome.status;
}

int main_of_command(int argc, char** argv) {
  // Failed writes are error numbers here, not signals.
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
  const sigset_t signals = block_watched_signals();
  try {
    const Options options = parse_options(argc, argv);
    switch (options.action) {
      case Action::kHelp:
        print_to_stdout(help_text());
        return kExitOk;
      case Action::kVersion:
        print_to_stdout(fmt::format("{} {}\n", kProgramName, QCOW2_TO_STDOUT_VERSION));
        return kExitOk;
      case Action::kConvert:
      case Action::kMeasure:
        return guarded_run(options, signals);
    }
  } catch (const UsageError& error) {
    message(error.what());
    return kExitUsage;
  } catch (const Error& error) {
    message(error.what());
  } catch (const std::exception&) {
    // There is not even memory for a better message.
    static_cast<void>(std::fputs("qcow2-to-stdout: ended: out of memory\n", stderr));
  }
  return kExitFailed;
}

}  // namespace
}  // namespace qcow2stream::cli

int main(int argc, char** argv) {
  return qcow2stream::cli::main_of_command(argc, argv);
}
