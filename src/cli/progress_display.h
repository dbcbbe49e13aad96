// SPDX-License-Identifier: GPL-2.0-or-later
//
// Progress for people (a bar) and for programs (lines "N/100" on a descriptor), painted by a thread
// of its own that looks at the library's numbers now and then.

#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>

#include "cli/options.h"
#include "qcow2stream/progress.h"

namespace qcow2stream::cli {

// What the steps have of a scale of 100: a stream whose size is known the first `spool` percent,
// and of what is left the survey the first `survey` percent.
struct Shares {
  unsigned spool = 0;
  unsigned survey = 0;
};

// The whole run on one scale of 0 to 100. Rises only; reaches 100 when all steps have done all of
// their bytes. A stream of unknown size stays at 0.
unsigned percent_done(const Progress& progress, Shares shares);

// What a bar shows.
struct BarState {
  std::string title;
  std::string_view step;  // "reading", "survey", "writing"
  unsigned percent = 0;
  std::uint64_t done = 0;       // bytes of the step
  std::uint64_t total = 0;      // 0: not known
  double bytes_per_second = 0;  // 0: not known yet
};

// The step that is under way: all but title and rate.
BarState current_step(const Progress& progress);

// One line of at most `width` columns, without a newline.
std::string bar_line(const BarState& state, unsigned width);

// "0:05", "12:34", "1:02:03".
std::string format_duration(std::chrono::seconds duration);

class ProgressDisplay {
 public:
  // Decides by `options` and by what stdout and stderr are whether anything is shown at all.
  // `progress` must outlive it.
  ProgressDisplay(const Options& options, const Progress& progress);
  // Ends as after a failure.
  ~ProgressDisplay();
  ProgressDisplay(const ProgressDisplay&) = delete;
  ProgressDisplay& operator=(const ProgressDisplay&) = delete;

  // The run is complete: shows 100 % and a last line that stays. Without it the bar vanishes, so
  // that the error message stands alone.
  void finish();

 private:
  void run();
  void paint_bar();
  void paint_lines();
  void write_line(unsigned percent) const;
  [[nodiscard]] BarState state();
  void stop();

  const Options& options_;
  const Progress& progress_;
  ProgressStyle style_;
  bool terminal_ = false;
  Shares shares_;
  unsigned last_percent_ = ~0U;
  std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point last_time_ = started_;
  std::uint64_t last_done_ = 0;
  std::string_view last_step_;
  double rate_ = 0;

  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace qcow2stream::cli
