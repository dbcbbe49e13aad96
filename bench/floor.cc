// SPDX-License-Identifier: GPL-2.0-or-later
//
// floor: the bare minimum that any implementation has to do, in plain loops, and the readers and
// stopwatches to compare with. Each subcommand ends with a line of JSON on standard error.
//
// It shares no code with the library: a mistake there must not make its own yardstick shorter.

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <exception>
#include <string_view>

#include "floor/child.h"
#include "floor/deep_probe.h"
#include "floor/move.h"
#include "floor/nbd.h"
#include "floor/probe.h"
#include "floor/read.h"
#include "floor/support.h"

namespace bench {
namespace {

void add_probes(Report& report, const Probed& probed) {
  report.seconds("probe_seconds", probed.seconds)
      .count("clusters", probed.clusters)
      .count("nonzero", probed.nonzero);
}

int probes_command(char** arguments) {
  const unsigned threads = arguments[1] != nullptr ? number(arguments[1]) : default_threads();
  const Probed probed = probe(open_disk(arguments[0]), threads);
  Report report("probes");
  add_probes(report, probed);
  report.print();
  return 0;
}

int deep_probes_command(char** arguments) {
  const std::string_view how = arguments[1] != nullptr ? arguments[1] : "random";
  if (how != "random" && how != "readahead" && how != "direct") {
    fail_because(how, "is not one of random, readahead, direct");
  }
  const unsigned depth =
      arguments[1] != nullptr && arguments[2] != nullptr ? number(arguments[2]) : 64;
  const double seconds = deep_probe(arguments[0], how, depth, default_threads());
  Report report("deep-probes");
  report.text("how", how).count("depth", depth).seconds("probe_seconds", seconds).print();
  return 0;
}

int splice_command(char** arguments) {
  const int disk = open_disk(arguments[0]);
  const Probed probed = probe(disk, default_threads());
  const Stopwatch stopwatch;
  splice_runs(disk, probed.data, STDOUT_FILENO);
  Report report("splice");
  add_probes(report, probed);
  report.seconds("splice_seconds", stopwatch.seconds()).count("bytes", total_length(probed.data));
  report.print();
  return 0;
}

// As many connections as the program itself makes by default. The depths are the fastest of 2 to 64
// with a server on the same machine.
constexpr unsigned kNbdConnections = 4;
constexpr unsigned kNbdProbes = 16;
constexpr unsigned kNbdPieces = 4;

unsigned number_or(const char* text, unsigned otherwise) {
  return text != nullptr ? number(text) : otherwise;
}

// URI [CONNECTIONS [DEPTH]]
struct NbdArguments {
  explicit NbdArguments(char** arguments)
      : uri(arguments[0]), connections(number_or(arguments[1], kNbdConnections)) {
    const char* depth = arguments[1] != nullptr ? arguments[2] : nullptr;
    probes = number_or(depth, kNbdProbes);
    pieces = number_or(depth, kNbdPieces);
  }
  const char* uri;
  unsigned connections;
  unsigned probes = 0;
  unsigned pieces = 0;
};

int nbd_probes_command(char** arguments) {
  const NbdArguments given(arguments);
  const Probed probed = nbd_probe(NbdExport(given.uri, given.connections), given.probes);
  Report report("nbd-probes");
  add_probes(report, probed);
  report.print();
  return 0;
}

int nbd_copy_command(char** arguments) {
  const NbdArguments given(arguments);
  const NbdExport disk(given.uri, given.connections);
  const Probed probed = nbd_probe(disk, given.probes);
  const Stopwatch stopwatch;
  nbd_copy(disk, probed.data, given.pieces, STDOUT_FILENO);
  Report report("nbd-copy");
  add_probes(report, probed);
  report.seconds("copy_seconds", stopwatch.seconds()).count("bytes", total_length(probed.data));
  report.print();
  return 0;
}

int read_command(char** arguments) {
  const std::string_view how = arguments[1] != nullptr ? arguments[1] : "buffered";
  if (how != "buffered" && how != "direct") fail_because(how, "is neither buffered nor direct");
  const char* depth_text = arguments[1] != nullptr ? arguments[2] : nullptr;
  const unsigned depth = depth_text != nullptr ? number(depth_text) : 16;
  const Stopwatch stopwatch;
  const std::uint64_t bytes =
      how == "direct" ? read_direct(arguments[0], depth) : read_buffered(arguments[0]);
  Report report("read");
  report.text("how", how).seconds("read_seconds", stopwatch.seconds()).count("bytes", bytes);
  report.print();
  return 0;
}

int copy_command(char** arguments) {
  if (arguments[1] == nullptr) fail_because("copy", "needs FILE and OUT");
  const int disk = open_disk(arguments[0]);
  const Probed probed = probe(disk, default_threads());
  const int out = ::open(arguments[1], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (out < 0) fail(arguments[1]);
  const Stopwatch stopwatch;
  const char* method = copy_runs(disk, probed.data, out);
  Report report("copy");
  add_probes(report, probed);
  report.seconds("copy_seconds", stopwatch.seconds()).count("bytes", total_length(probed.data));
  report.text("method", method).print();
  return 0;
}

int discard_command(char** /*arguments*/) {
  const Stopwatch stopwatch;
  const std::uint64_t bytes = discard_pipe(STDIN_FILENO);
  Report report("discard");
  report.seconds("discard_seconds", stopwatch.seconds()).count("bytes", bytes).print();
  return 0;
}

struct Command {
  std::string_view name;
  bool needs_argument;
  int (*run)(char** arguments);
  const char* help;
};

constexpr std::array kCommands = {
    Command{"probes", true, probes_command, "FILE [THREADS]        which clusters hold data"},
    Command{"deep-probes", true, deep_probes_command,
            "FILE [random|readahead|direct] [DEPTH]  first pages, by io_uring"},
    Command{"splice", true, splice_command, "FILE                  probes, splices them to a pipe"},
    Command{"read", true, read_command, "FILE [buffered|direct] [DEPTH]  reads the data once"},
    Command{"copy", true, copy_command, "FILE OUT              probes, copies them to a file"},
    Command{"nbd-probes", true, nbd_probes_command, "URI [CONNECTIONS [DEPTH]]  the same over NBD"},
    Command{"nbd-copy", true, nbd_copy_command,
            "URI [CONNECTIONS [DEPTH]]  probes over NBD, writes the data in order"},
    Command{"discard", false, discard_command, "                      a reader of pages"},
    Command{"first-byte", true, first_byte, "COMMAND...            to a pipe, discarded here"},
    Command{"drain-socket", true, drain_socket, "COMMAND...            to a socket, read here"},
    Command{"time-to-cat", true, time_to_cat, "COMMAND...            to cat >/dev/null"},
    Command{"time", true, time_only, "COMMAND...            to standard output"},
};

int usage() {
  fmt::print(stderr, "usage: floor COMMAND, one of\n");
  for (const Command& command : kCommands) {
    fmt::print(stderr, "  {:<13}{}\n", command.name, command.help);
  }
  return 2;
}

int run(int argc, char** argv) {
  if (argc < 2) return usage();
  for (const Command& command : kCommands) {
    if (command.name != argv[1]) continue;
    if (command.needs_argument && argc < 3) return usage();
    return command.run(argv + 2);
  }
  return usage();
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  try {
    return bench::run(argc, argv);
  } catch (const std::exception& error) {
    bench::fail_because("failed", error.what());
  }
}
