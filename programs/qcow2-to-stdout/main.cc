// SPDX-License-Identifier: GPL-2.0-or-later

#include <fmt/format.h>

#include <csignal>
#include <string>

#include "common/message.h"
#include "common/outcome.h"
#include "common/program.h"
#include "common/standard_output.h"
#include "qcow2-to-stdout/command_line.h"
#include "qcow2-to-stdout/job.h"
#include "qcow2-to-stdout/run.h"
#include "qcow2-to-stdout/session.h"

namespace qcow2stream::cli {
namespace {

std::string text_of(Text text) {
  return text == Text::kHelp ? help_text()
                             : fmt::format("{} {}\n", kProgramName, QCOW2STREAM_VERSION);
}

int work(int argc, char** argv, const sigset_t& signals) {
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
}

}  // namespace
}  // namespace qcow2stream::cli

int main(int argc, char** argv) {
  using namespace qcow2stream::cli;
  return run_program([&](const sigset_t& signals) { return work(argc, argv, signals); });
}
