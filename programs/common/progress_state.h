// SPDX-License-Identifier: GPL-2.0-or-later
//
// How far a run has come, for people and for programs.

#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "qcow2stream/progress.h"

namespace qcow2stream::cli {

// What the steps have of a scale of 100: a target that is read first, if it is, the first `check`
// percent. Of what is left a stream whose size is known has the first `spool` percent, and of the
// rest of that the survey the first `survey` percent.
struct Shares {
  unsigned spool = 0;
  unsigned survey = 0;
  unsigned check = 0;
};

// The whole run on one scale of 0 to 100. Rises only, but where a target is found out to be read;
// reaches 100 when all steps have done all of their bytes. A stream of unknown size stays at 0.
unsigned percent_done(const Progress& progress, Shares shares);

struct ProgressState {
  std::string title;
  std::string_view step;  // "reading", "survey", "checking", "writing"
  unsigned percent = 0;
  std::uint64_t done = 0;       // bytes of the step
  std::uint64_t total = 0;      // 0: not known
  double bytes_per_second = 0;  // 0: not known yet
  bool is_last_step = false;    // what is left of it is left of the run
};

// The step that is under way: all but title and rate.
ProgressState current_step(const Progress& progress);

// One line about a run that goes on, as dd has it.
std::string progress_line(const Progress& progress);

// Looks at the library's numbers now and then. Belongs to one thread.
class ProgressWatch {
 public:
  // `progress` must outlive it.
  ProgressWatch(const std::string& title, Shares shares, const Progress& progress);

  // Of the moment. At most 99 percent: until the end the final checks may still fail.
  ProgressState look();

 private:
  const Progress& progress_;
  std::string title_;
  Shares shares_;
  std::chrono::steady_clock::time_point last_time_ = std::chrono::steady_clock::now();
  std::uint64_t last_done_ = 0;
  std::string_view last_step_;
  double rate_ = 0;
  unsigned most_percent_ = 0;
};

}  // namespace qcow2stream::cli
