// SPDX-License-Identifier: GPL-2.0-or-later
//
// What a run has to do. It is made once, from what was said, and nothing of it changes afterwards.
// Each part of the program gets its slice.

#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/source.h"
#include "common/telling.h"
#include "qcow2-from-stdin/command_line.h"
#include "qcow2stream/nbd.h"
#include "qcow2stream/restore.h"
#include "qcow2stream/salvage.h"
#include "qcow2stream/target.h"

namespace qcow2stream::cli {

// Where the image comes from, and what it should be.
struct InputJob {
  std::vector<Source> sources;       // at least one, oldest first
  std::optional<std::string> chain;  // the directory of the older ones
  std::optional<std::string> snapshot;
  std::optional<std::uint64_t> size;
  std::vector<ExpectedDigest> digests;
  // What is damaged is noted there. Null: it is an error.
  std::shared_ptr<LostRanges> lost;
  // All of its bytes are to be read, in order, although they could be read at any place.
  bool as_stream = false;
  bool ignore_names = false;
  bool force_share = false;
  NbdOptions nbd;
};

// Where the disk goes, or what it is compared with.
struct TargetJob {
  enum class Place { kPath, kServer, kStandardOutput };
  Place place = Place::kPath;
  std::string name;
  TargetOptions options;
  NbdOptions nbd;
  PipeTargetOptions pipe;  // kStandardOutput
};

struct Job {
  InputJob input;
  std::optional<TargetJob> target;  // nothing: the image is only checked
  RestoreOptions restore;
  bool verify = false;  // the target is read back
  std::optional<std::string> report;
  TellingJob telling;

  [[nodiscard]] bool compares() const {
    return target && restore.writing == RestoreOptions::Writing::kNothing;
  }
  [[nodiscard]] bool writes_to_stdout() const {
    return target && target->place == TargetJob::Place::kStandardOutput;
  }
  // What messages call it, where they are about the whole run.
  [[nodiscard]] std::string name() const;
};

// Throws UsageError where what was said makes no sense.
Job make_job(const CommandLine& said);

}  // namespace qcow2stream::cli
