// SPDX-License-Identifier: GPL-2.0-or-later
//
// What a run has to do. It is made once, from what was said and the files that were named for it,
// and nothing of it changes afterwards. Each part of the program gets its slice.

#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/ends.h"
#include "common/open_source.h"
#include "common/telling.h"
#include "qcow2-to-stdout/command_line.h"
#include "qcow2-to-stdout/header_info.h"
#include "qcow2stream/manifest.h"
#include "qcow2stream/options.h"
#include "qcow2stream/plan.h"
#include "qcow2stream/survey.h"

namespace qcow2stream::cli {

// How the clusters of the image are found.
struct SurveyJob {
  Scan scan = Scan::kZeros;
  // What may hold data: of DISK, and of the base.
  Allocation allocation;
  Allocation base_allocation;
  // If given, DISK holds what the list of `allocation` shows of it, in units of so many bytes.
  std::optional<std::uint32_t> listed_unit;
  std::optional<ChangedList> changed;
  std::optional<LeaveOutKinds> leave_out;
  std::uint64_t leave_out_unit = 0;               // bytes
  std::shared_ptr<const Manifest> base_manifest;  // null: there is none
  // Chunks of 2^bits bytes, where the survey has to hash the content for the manifest or the root.
  std::optional<unsigned> hash_chunk_bits;
  unsigned threads = 0;
  std::optional<std::uint64_t> spool_memory;
  std::optional<std::string> spool_directory;
};

// A survey that was made before.
struct PlannedJob {
  SavedPlan plan;
  bool assume_unchanged = false;
};

// Which part of the output is wanted: all that is not said is to the end.
struct WantedRange {
  std::optional<std::uint64_t> offset;
  std::optional<std::uint64_t> length;
  std::optional<NumberedPart> part;  // in place of both

  [[nodiscard]] bool is_all() const { return !offset && !length && !part; }
};

// The image, or the disk as it is, as a file that others read.
struct MountJob {
  std::string directory;
  std::string name;  // of the file
};

// What becomes of the image.
struct OutputJob {
  std::optional<MeasureFormat> measure;  // only what is said of it, on standard output
  std::optional<MountJob> mount;
  bool raw = false;  // the disk itself
  std::optional<std::string>
      command;  // that reads it in place of standard output, or where mounted
  WantedRange range;
  std::optional<std::string> if_match;
  std::vector<DigestAlgorithm> digests;  // each once
  unsigned threads = 0;
  bool flush = false;

  // What standard output is to the run.
  [[nodiscard]] EndRole standard_output() const {
    if (measure || mount) return EndRole::kAnswer;
    return command ? EndRole::kCommand : EndRole::kImage;
  }
};

// Files beside the image.
struct BesideJob {
  std::vector<DigestRequest> digests;
  std::string digest_name;  // what their lines call the image
  std::optional<std::string> save_plan;
  std::optional<std::string> save_manifest;
  unsigned manifest_chunk_bits = kDefaultChunkBits;
  std::optional<std::string> report;
};

struct Job {
  Input disk;
  std::optional<Input> base;
  ImageOptions image;
  SurveyJob survey;
  std::optional<PlannedJob> planned;  // in place of the survey
  OutputJob output;
  BesideJob beside;
  TellingJob telling;
  // Bytes a second that the survey reads, and that are written, at most; 0: there is no limit.
  std::uint64_t most_per_second = 0;
  // A disk or base that changes is told of, and no error.
  bool allow_changes = false;
  // Files that were named for the survey, or instead of it.
  std::vector<std::string> read_files;
};

// What the files hold that say more about the job.
struct JobFiles {
  std::optional<SavedPlan> plan;
  std::optional<HeaderInfo> info;
  std::optional<HeaderInfo> base_info;
  std::shared_ptr<const Manifest> base_manifest;
};

// Reads those that were named. Throws Error.
JobFiles read_job_files(const CommandLine& said);

// What was said, in the light of the files. Throws UsageError where it makes no sense; Error where
// a file does not give an image. Without the files it is what can be known before they are read.
Job make_job(const CommandLine& said, const JobFiles& files = {});

}  // namespace qcow2stream::cli
