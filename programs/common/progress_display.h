// SPDX-License-Identifier: GPL-2.0-or-later
//
// Progress for people (a bar) and for programs (lines "N/100" on a descriptor, and in the report),
// painted by a thread of its own that looks at the library's numbers now and then.

#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

#include "common/progress_state.h"
#include "common/report.h"
#include "qcow2stream/progress.h"

namespace qcow2stream::cli {

enum class ProgressStyle { kNone, kBar, kLines };

struct ProgressShown {
  ProgressStyle style = ProgressStyle::kNone;
  int fd = -1;        // kLines
  std::string title;  // of the bar
  Shares shares;
};

// Whether somebody looks who would not be disturbed by a bar: at a terminal, with the output in a
// file or on a device. Into a pipe it would fight the reader's own bar.
bool bar_is_welcome();

class ProgressDisplay {
 public:
  // `progress` and `report`, which may be null, must outlive it.
  ProgressDisplay(ProgressShown shown, const Progress& progress, Report* report);
  // Ends as after a failure.
  ~ProgressDisplay();
  ProgressDisplay(const ProgressDisplay&) = delete;
  ProgressDisplay& operator=(const ProgressDisplay&) = delete;

  // The run is complete: shows 100 % and a last line that stays. Without it the bar vanishes, so
  // that the error message stands alone.
  void finish();

 private:
  void run();
  void paint_bar(const ProgressState& now);
  void paint_lines(unsigned percent);
  void write_line(unsigned percent) const;
  void stop();

  ProgressShown shown_;
  const Progress& progress_;
  Report* report_;
  ProgressWatch watch_;
  bool terminal_ = false;
  unsigned last_percent_ = ~0U;
  std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();

  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace qcow2stream::cli
