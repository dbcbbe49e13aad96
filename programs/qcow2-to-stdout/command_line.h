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
#include "common/progress_display.h"
#include "common/source.h"
#include "qcow2stream/compression.h"
#include "qcow2stream/digest.h"
#include "qcow2stream/survey.h"

namespace qcow2stream::cli {

enum class MeasureFormat { kHuman, kJson, kSize, kId, kRoot };
enum class OutputFormat { kQcow2, kRaw };

// One of `count` ranges that together are everything: the first is number 1.
struct NumberedPart {
  std::uint64_t number = 1;
  std::uint64_t count = 1;
};

// One --digest.
struct DigestRequest {
  DigestAlgorithm algorithm = DigestAlgorithm::kSha256;
  std::optional<std::string> file;  // nothing: standard error
};

// What --leave-out names.
struct LeaveOutKinds {
  bool free = false;
  bool swap = false;
};

struct CommandLine {
  // --help and --version hold whatever else stands on the line.
  std::optional<Text> text;

  std::optional<Source> disk;
  std::optional<std::string> format;
  std::optional<std::string> blockdev;
  std::vector<std::string> objects;
  bool force_share = false;
  bool salvage = false;
  bool isolate = false;
  std::optional<Scan> scan;
  std::optional<std::string> map;
  bool no_extents = false;
  std::optional<LeaveOutKinds> leave_out;
  std::optional<unsigned> connections;
  std::optional<unsigned> requests;
  std::optional<std::chrono::seconds> timeout;
  std::optional<std::uint64_t> size;

  std::optional<std::uint32_t> cluster_size;
  std::optional<unsigned> refcount_bits;
  std::optional<unsigned> version;
  bool data_file = false;
  std::optional<std::string> data_file_name;
  bool data_file_raw = false;
  bool extended_l2 = false;
  bool bitmaps = false;
  std::optional<Compression> compression;
  std::optional<std::uint32_t> deflate_window;

  std::optional<std::string> backing_file;
  std::optional<std::string> backing_format;
  std::optional<Source> base;
  std::optional<std::string> base_format;
  std::optional<std::string> dirty_bitmap;
  std::optional<std::uint64_t> shallow;  // so many images, from the topmost on
  std::optional<std::string> snapshot;
  std::optional<std::string> changed_map;
  std::optional<std::string> base_manifest;
  bool read_all = false;
  // Output of `qemu-img info` about DISK and the base, and of `qemu-img map` about the base.
  std::optional<std::string> info;
  std::optional<std::string> base_info;
  std::optional<std::string> base_map;

  std::optional<std::uint64_t> offset;
  std::optional<std::uint64_t> length;
  std::optional<NumberedPart> part;
  std::optional<MeasureFormat> measure;
  std::optional<std::string> mount;  // the directory
  std::optional<OutputFormat> output_format;
  bool allow_changes = false;
  std::optional<std::string> if_match;
  std::optional<std::string> save_plan;
  std::optional<std::string> plan;
  bool assume_unchanged = false;
  std::optional<std::string> run;
  bool flush = false;
  std::vector<DigestRequest> digests;
  std::optional<std::string> name;  // of the image
  std::optional<std::string> save_manifest;
  std::optional<unsigned> manifest_chunk_bits;
  bool no_root_trailer = false;

  std::optional<ProgressStyle> progress;
  int progress_fd = -1;  // kLines
  bool quiet = false;
  std::optional<std::string> report;
  bool verbose = false;
  std::optional<unsigned> threads;
  std::optional<std::uint64_t> limit_rate;
  std::optional<std::uint64_t> spool_memory;
  std::optional<std::string> spool_directory;

  // Long names of the options that were given.
  std::set<std::string_view> given;
};

// Throws UsageError: a word that is no option, a value that its option does not take. Not
// thread-safe (getopt_long keeps state).
CommandLine parse_command_line(int argc, char** argv);

// For 80 columns, in groups of less than 24 lines, so that each can be seen at once.
std::string help_text();

}  // namespace qcow2stream::cli
