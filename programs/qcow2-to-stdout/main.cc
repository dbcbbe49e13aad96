// SPDX-License-Identifier: GPL-2.0-or-later

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <optional>
#include <string>

#include "common/message.h"
#include "common/signal_watch.h"
#include "qcow2-to-stdout/options.h"
#include "qcow2-to-stdout/outcome.h"
#include "qcow2-to-stdout/run.h"
#include "qcow2-to-stdout/run_ends.h"
#include "qcow2-to-stdout/standard_output.h"
#include "qcow2stream/error.h"

namespace qcow2stream::cli {
namespace {

// For one line of a few hundred bytes: a pipe has room for a page at least.
bool can_be_said_at_once() {
  pollfd errors{.fd = STDERR_FILENO, .events = POLLOUT, .revents = 0};
  return ::poll(&errors, 1, 0) > 0;
}

void say_goodbye(const Options& options, Run& state, int signal) {
  state.output.stop();
  const std::string text = fmt::format("{}: ended by {}{}", disk_name(options), signal_name(signal),
                                       state.output.note(options, false, true));
  message(text);
  if (Report* report = state.open_report) {
    report->end(128 + signal, state.progress.emit_done, text, {});
  }
}

// In the report, whether or not the run got so far as to open it.
void write_end(const Options& options, Run& state, const Outcome& outcome) {
  try {
    if (options.report && !state.report_was_tried) {
      Ends ends = ends_of(options);
      state.report.emplace(*options.report, ends);
    }
  } catch (const Error&) {
    // If that is not what the run failed for, it is what would have come next.
  }
  if (!state.report) return;
  state.report->end(outcome.status, state.progress.emit_done, outcome.message, state.digests);
}

int guarded_run(const Options& options, const sigset_t& signals) {
  Run state;
  std::optional<SignalWatch> watch;
  Outcome outcome = outcome_of(options, state.output, [&] {
    state.destination = make_destination(options);  // before there are threads
    watch.emplace(
        signals, [&](int signal) { say_goodbye(options, state, signal); },
        [&] {
          if (!can_be_said_at_once() || image_goes_to_stderr(options)) return;
          message(fmt::format("{}: {}", disk_name(options), progress_line(state.progress)));
        });
    run(options, state);
  });
  if (!outcome.message.empty()) message(outcome.message);
  if (outcome.status != kExitOk && state.destination) {
    const auto status = state.destination->abandon(outcome.receiver_left);
    if (status && outcome.receiver_left) outcome.status = *status;
  }
  write_end(options, state, outcome);
  return outcome.status;
}

int main_of_command(int argc, char** argv) {
  keep_closed_descriptors_free();
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
