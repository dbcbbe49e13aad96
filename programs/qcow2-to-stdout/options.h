// SPDX-License-Identifier: GPL-2.0-or-later
//
// The command line.

#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "common/open_source.h"
#include "common/source.h"
#include "qcow2stream/digest.h"
#include "qcow2stream/nbd.h"
#include "qcow2stream/options.h"
#include "qcow2stream/survey.h"

namespace qcow2stream::cli {

// Exit statuses; man page, "EXIT STATUS".
enum ExitStatus : int {
  kExitOk = 0,
  kExitFailed = 1,
  kExitUsage = 2,
  kExitChanged = 3,
  kExitMismatch = 4,
};

// What is wrong with the command line, with the option's name: one line.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

enum class Action { kConvert, kMeasure, kHelp, kVersion };
enum class MeasureFormat { kHuman, kJson, kSize, kId };
enum class ProgressStyle { kAutomatic, kNone, kBar, kLines };

// One --digest.
struct DigestRequest {
  DigestAlgorithm algorithm = DigestAlgorithm::kSha256;
  std::optional<std::string> file;  // nothing: standard error
};

struct Options {
  Action action = Action::kConvert;
  Source source = StandardInput{};  // DISK
  std::optional<std::string> format;
  NbdOptions nbd;
  ImageOptions image;
  Scan scan = Scan::kZeros;
  std::optional<std::string> spool_directory;
  std::optional<std::uint64_t> spool_memory;
  std::optional<std::string> map;
  // Of an increment: what it is based on, or what says what has changed.
  std::optional<Source> base;
  std::optional<std::string> base_format;
  std::optional<std::string> changed_map;
  std::optional<std::string> dirty_bitmap;
  // Output of `qemu-img info` about DISK and the base, and of `qemu-img map` about the base.
  std::optional<std::string> info;
  std::optional<std::string> base_info;
  std::optional<std::string> base_map;
  // Bytes, as the former say; only so much of DISK and the base counts.
  std::optional<std::uint64_t> virtual_size;
  std::optional<std::uint64_t> base_virtual_size;
  unsigned threads = 0;
  std::optional<std::uint64_t> offset;
  std::optional<std::uint64_t> length;
  std::optional<std::string> if_match;
  std::optional<std::string> save_plan;
  std::optional<std::string> plan;
  std::vector<DigestRequest> digests;
  std::optional<std::string> digest_name;  // what their lines call the image; nothing: -
  MeasureFormat measure = MeasureFormat::kHuman;
  ProgressStyle progress = ProgressStyle::kAutomatic;
  int progress_fd = -1;  // kLines
  std::optional<std::string> run;
  std::optional<std::string> report;
  // Long names of the options that were given.
  std::set<std::string_view> given;
  bool assume_unchanged = false;
  bool cluster_size_given = false;
  bool use_extents = true;
  bool shallow = false;
  bool flush = false;
  bool isolate = false;
  bool force_share = false;
  bool allow_changes = false;
  bool quiet = false;
  bool verbose = false;
};

// What messages call DISK.
std::string disk_name(const Options& options);

// DISK and the base, and how they are read.
Input disk_of(const Options& options);
std::optional<Input> base_of(const Options& options);

// Throws UsageError. Not thread-safe (getopt_long keeps state).
Options parse_options(int argc, char** argv);

// For 80 columns, in groups of less than 24 lines, so that each can be seen at once.
std::string help_text();

}  // namespace qcow2stream::cli
