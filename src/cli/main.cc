// SPDX-License-Identifier: GPL-2.0-or-later

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <limits>
#include <new>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/errors.h"
#include "cli/header_info.h"
#include "cli/measure.h"
#include "cli/open_input.h"
#include "cli/options.h"
#include "cli/progress_display.h"
#include "cli/signal_watch.h"
#include "qcow2stream/qcow2stream.h"

namespace qcow2stream::cli {
namespace {

constexpr const char* kStdoutName = "standard output";

// Nobody can be told if this fails.
void message(std::string_view text) {
  const std::string line = fmt::format("{}: {}\n", kProgramName, one_line(text));
  static_cast<void>(std::fputs(line.c_str(), stderr));
}

void print_to_stdout(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0) {
    throw system_error(kStdoutName, "write failed", errno);
  }
}

// The result of close() counts: a network file system may report a failed write only there.
void close_stdout() {
  if (::close(STDOUT_FILENO) != 0) throw system_error(kStdoutName, "close failed", errno);
}

// What can be said about stdout before the disk is looked at.
void check_stdout(const Options& options) {
  check_output(STDOUT_FILENO, 0, {.output_name = kStdoutName});
  if (::isatty(STDOUT_FILENO) != 0) {
    throw Error(ErrorKind::kFailed, kStdoutName, "is a terminal",
                "redirect it into a file or a pipe");
  }
  struct stat out {};
  if (::fstat(STDOUT_FILENO, &out) != 0) return;
  for (const auto& [name, in] : input_status(options)) {
    // One socket may well be both ends.
    const bool same_file =
        S_ISREG(out.st_mode) && out.st_dev == in.st_dev && out.st_ino == in.st_ino;
    const bool same_device =
        S_ISBLK(out.st_mode) && S_ISBLK(in.st_mode) && out.st_rdev == in.st_rdev;
    if (same_file || same_device) {
      throw Error(ErrorKind::kFailed, name, "cannot be read",
                  "standard output writes to the same disk");
    }
  }
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

// --allow-changes: the image is what a machine finds after its power has failed, at best.
OnChange on_change(const Options& options) {
  if (!options.allow_changes) return {};
  return [](const Error& error) { message(std::string(error.what()) + ", going on"); };
}

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void run(Options options, Progress& progress) {
  if (options.action == Action::kConvert) check_stdout(options);
  const auto start = std::chrono::steady_clock::now();
  ProgressDisplay display(options, progress);

  // 1. The input: from here on its size is fixed.
  apply_header_info(options);
  const Input input = open_input(options, progress);
  const std::shared_ptr<const Disk>& disk = input.disk;
  check_disk_size(disk->name(), disk->size(), options.image);
  const std::shared_ptr<const Disk> base = open_base(options);
  warn(input, base.get(), options);

  // 2. The survey: from here on we know which clusters need space.
  const bool emits = options.action == Action::kConvert;
  SurveyResult found = survey(*disk, options.image,
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

  // 3. The plan: from here on every offset in the image is fixed.
  const Image image(disk, options.image, std::move(found));
  const HostRange range = range_of(image, options);
  check_id(image, options);
  if (options.verbose) {
    const Measurement m = image.measure();
    message(fmt::format("{}: survey: {} of {} clusters hold data, {:.3f} s", disk->name(),
                        m.data + m.compressed, m.data + m.compressed + m.zero + m.unallocated,
                        seconds_since(start)));
    if (options.image.compression) {
      message(fmt::format("{}: {} of them compressed, {} of {} bytes of that kept", disk->name(),
                          m.compressed, m.compressed_kept, m.compressed_bytes));
    }
  }
  if (options.action == Action::kMeasure) {
    check_unchanged(*disk, on_change(options));
    display.finish();
    print_to_stdout(measure_text(image, range, options));
    return;
  }

  // 4. The emission: the last piece goes out after the disk was seen to be unchanged.
  const EmitResult result = emit(image, range, STDOUT_FILENO,
                                 {.output_name = kStdoutName,
                                  .threads = options.threads,
                                  .on_change = on_change(options),
                                  .progress = &progress});
  close_stdout();
  display.finish();
  if (options.verbose) {
    message(fmt::format("{}: wrote {} bytes, {} of them by {}, {:.3f} s", kStdoutName, range.length,
                        result.transferred, result.method, seconds_since(start)));
  }
}

ExitStatus status_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kFailed:
      return kExitFailed;
    case ErrorKind::kUsage:
      return kExitUsage;
    case ErrorKind::kChanged:
      return kExitChanged;
    case ErrorKind::kMismatch:
      return kExitMismatch;
  }
  return kExitFailed;
}

// What the reader of the output has to know about it after a failure.
std::string incomplete_note(const Progress& progress) {
  if (progress.emit_total == 0) return "";
  return fmt::format("; output is incomplete ({} of {} bytes)", progress.emit_done,
                     progress.emit_total);
}

// One line about a run that goes on, as dd has it.
std::string progress_line(const Progress& progress) {
  const BarState step = current_step(progress);
  if (step.total == 0) return fmt::format("{}: {} bytes", step.step, step.done);
  return fmt::format("{}: {} of {} bytes ({} %)", step.step, step.done, step.total,
                     static_cast<unsigned>(static_cast<double>(step.done) * 100 /
                                           static_cast<double>(step.total)));
}

// A bar is on the line where the message is going to be.
void clear_bar() {
  if (::isatty(STDERR_FILENO) != 0) static_cast<void>(std::fputs("\r\x1b[K", stderr));
}

ExitStatus guarded_run(const Options& options, const sigset_t& signals) {
  Progress progress;
  try {
    const SignalWatch watch(
        signals,
        [&](int signal) {
          clear_bar();
          message(fmt::format("{}: ended by {}{}", disk_name(options), signal_name(signal),
                              incomplete_note(progress)));
        },
        [&] {
          clear_bar();
          message(fmt::format("{}: {}", disk_name(options), progress_line(progress)));
        });
    run(options, progress);
    return kExitOk;
  } catch (const UsageError& error) {
    message(error.what());
    return kExitUsage;
  } catch (const Error& error) {
    const bool worthless = error.kind() == ErrorKind::kChanged && progress.emit_total > 0;
    message(error.what() + incomplete_note(progress) + (worthless ? ", discard it" : ""));
    return status_of(error.kind());
  } catch (const std::bad_alloc&) {
    message(fmt::format("{}: out of memory{}", disk_name(options), incomplete_note(progress)));
  } catch (const std::system_error& error) {
    // The standard library's, which throws them for threads only.
    message(fmt::format("{}: cannot go on: {}{}", disk_name(options),
                        errno_text(error.code().value()), incomplete_note(progress)));
  } catch (const std::exception& error) {
    message(fmt::format("{}: {}{}", disk_name(options), error.what(), incomplete_note(progress)));
  }
  return kExitFailed;
}

ExitStatus main_of_command(int argc, char** argv) {
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
