// SPDX-License-Identifier: GPL-2.0-or-later

#include <fmt/format.h>

#include <csignal>
#include <string>

#include "common/message.h"
#include "common/outcome.h"
#include "common/program.h"
#include "common/standard_output.h"
#include "qcow2-from-stdin/command_line.h"
#include "qcow2-from-stdin/job.h"
#include "qcow2-from-stdin/run.h"
#include "qcow2-from-stdin/session.h"

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
  const Job job = make_job(said);
  Session session(job, signals);
  return session.run([&] { run(job, session); });
}

}  // namespace
}  // namespace qcow2stream::cli

int main(int argc, char** argv) {
  using namespace qcow2stream::cli;
  return run_program([&](const sigset_t& signals) { return work(argc, argv, signals); });
}
