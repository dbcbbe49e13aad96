// SPDX-License-Identifier: GPL-2.0-or-later
//
// One run of the program from its options to the last byte: the steps of docs/architecture.md.

#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <vector>

#include "common/destination.h"
#include "qcow2-to-stdout/incomplete.h"
#include "qcow2-to-stdout/options.h"
#include "qcow2-to-stdout/report.h"
#include "qcow2stream/digest.h"
#include "qcow2stream/progress.h"

namespace qcow2stream::cli {

// What is known of a run when it ends, however it ends.
struct Run {
  Progress progress;
  std::unique_ptr<Destination> destination;  // of the image
  OutputInProgress output{progress};
  std::optional<Report> report;
  bool report_was_tried = false;               // if there is none, it must not be
  std::atomic<Report*> open_report = nullptr;  // the same, for the thread that watches signals
  std::vector<Digest> digests;                 // after success only
};

// Writes the image, or what --measure says of it. Throws UsageError, Error and CommandFailed.
void run(Options options, Run& state);

}  // namespace qcow2stream::cli
