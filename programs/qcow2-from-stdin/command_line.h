// SPDX-License-Identifier: GPL-2.0-or-later
//
// What was said on the command line, and nothing that follows from it: every field is empty unless
// its option was given. What it means is a Job (job.h).

#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/program.h"
#include "common/source.h"
#include "common/telling.h"
#include "qcow2-from-stdin/expected_digest.h"
#include "qcow2stream/root.h"

namespace qcow2stream::cli {

struct CommandLine {
  // --help and --version hold whatever else stands on the line.
  std::optional<Text> text;

  std::optional<std::string> target;  // the word
  std::vector<Source> inputs;         // each --input
  std::optional<std::string> chain;
  std::optional<std::string> snapshot;
  std::optional<std::uint64_t> size;
  std::vector<ExpectedDigest> digests;
  bool ignore_names = false;
  bool isolate = false;
  bool salvage = false;

  std::optional<std::string> manifest;
  std::optional<ContentDigest> root;
  std::optional<std::string> base_manifest;
  std::optional<std::string> save_manifest;
  bool ignore_root = false;
  bool trust_target = false;
  bool no_image = false;

  bool apply = false;
  bool overwrite = false;
  bool target_is_zero = false;
  bool no_sparse = false;
  bool skip_equal = false;
  bool compare = false;
  bool check = false;
  bool verify = false;
  std::optional<std::uint64_t> max_size;

  bool force_share = false;
  std::optional<unsigned> connections;
  std::optional<unsigned> requests;
  std::optional<std::chrono::seconds> timeout;
  std::optional<std::uint64_t> limit_rate;
  std::optional<unsigned> threads;
  std::optional<std::uint64_t> spool_memory;
  std::optional<std::string> spool_directory;

  TellingJob telling;
  std::optional<std::string> report;

  // Long names of the options that were given.
  std::set<std::string_view> given;
};

// Throws UsageError: a word that is no option, a value that its option does not take. Not
// thread-safe (getopt_long keeps state).
CommandLine parse_command_line(int argc, char** argv);

// For 80 columns, in groups of less than 24 lines, so that each can be seen at once.
std::string help_text();

}  // namespace qcow2stream::cli
