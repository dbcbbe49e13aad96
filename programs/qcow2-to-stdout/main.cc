// SPDX-License-Identifier: GPL-2.0-or-later

#include <fmt/format.h>

#include <csignal>
#include <cstdio>
#include <string>

#include "common/message.h"
#include "common/outcome.h"
#include "common/signal_watch.h"
#include "common/usage_error.h"
#include "qcow2-to-stdout/command_line.h"
#include "qcow2-to-stdout/job.h"
#include "qcow2-to-stdout/run.h"
#include "qcow2-to-stdout/session.h"
#include "qcow2-to-stdout/standard_output.h"
#include "qcow2stream/error.h"

namespace qcow2stream::cli {
namespace {

std::string text_of(Text text) {
  return text == Text::kHelp ? help_text()
                             : fmt::format("{} {}\n", kProgramName, QCOW2_TO_STDOUT_VERSION);
}

int main_of_command(int argc, char** argv) {
  keep_closed_descriptors_free();
  // Failed writes are error numbers here, not signals.
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
  const sigset_t signals = block_watched_signals();
  try {
    const CommandLine said = parse_command_line(argc, argv);
    if (said.text) {
      print_to_stdout(text_of(*said.text));
      return kExitOk;
    }
    // The files that are named for the job may be pipes, and are read when somebody watches.
    Session session(make_job(said), signals);
    return session.run([&] {
      const Job job = make_job(said, read_job_files(said));
      run(job, session);
    });
  } catch (const UsageError& error) {
    message(error.what());
    return kExitUsage;
  } catch (const Error& error) {
    message(error.what());
  } catch (const std::exception&) {
    // There is not even memory for a better message.
    static_cast<void>(std::fputs(kProgramName, stderr));
    static_cast<void>(std::fputs(": ended: out of memory\n", stderr));
  }
  return kExitFailed;
}

}  // namespace
}  // namespace qcow2stream::cli

int main(int argc, char** argv) {
  return qcow2stream::cli::main_of_command(argc, argv);
}
