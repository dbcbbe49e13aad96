// SPDX-License-Identifier: GPL-2.0-or-later
//
// What surrounds a run: whoever receives the image, the report, the watch for signals, progress.
// Each is taken down however the run ends, and told how.

#pragma once

#include <atomic>
#include <csignal>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "common/destination.h"
#include "common/ends.h"
#include "common/outcome.h"
#include "common/progress_display.h"
#include "common/report.h"
#include "common/signal_watch.h"
#include "qcow2-to-stdout/incomplete.h"
#include "qcow2-to-stdout/job.h"
#include "qcow2stream/digest.h"
#include "qcow2stream/progress.h"
#include "qcow2stream/salvage.h"
#include "run_command/file_command.h"

namespace qcow2stream::cli {

class Session {
 public:
  // `job` is what can be known of it before its files are read. `signals` are blocked
  // (block_watched_signals()), and there are no other threads.
  Session(Job job, const sigset_t& signals);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Calls `run`, which may use what follows; whatever it throws is said, and reported, and told to
  // whoever receives the image. Returns the exit status. Once.
  int run(const std::function<void()>& run);

  [[nodiscard]] Progress& progress() { return progress_; }
  [[nodiscard]] Destination& destination() { return *destination_; }
  [[nodiscard]] OutputInProgress& output() { return output_; }
  // The command of --run where the image is mounted, else null.
  [[nodiscard]] FileCommand* file_command() { return file_command_ ? &*file_command_ : nullptr; }

  // The file of the report, if there is one among the ends, is empty from here on. Throws Error.
  void open_report(Ends& ends);
  [[nodiscard]] Report* report() { return report_ ? &*report_ : nullptr; }

  // Shows progress from here on, until the end or until it has finished.
  void show_progress(const Job& job);
  void finish_progress() { display_->finish(); }

  // Where the disk is salvaged, what is lost of it: it is said when the run ends, and makes the
  // status of a run that succeeds. May be null.
  void watch_losses(std::shared_ptr<const LostRanges> lost) { lost_ = std::move(lost); }

  // From here on the first signal that would end the program calls `end` instead, in a thread of
  // its own, and the run goes to its end; empty: no more. `end` must not wait.
  void end_by_signal(std::function<void()> end);

  // The image is complete: what the report says of it.
  void set_digests(std::vector<Digest> digests) { digests_ = std::move(digests); }

 private:
  void start();
  bool ends_by_itself();
  void say_goodbye(int signal);
  void say_progress() const;
  void say_losses();
  void write_end(const Outcome& outcome);

  const Job job_;
  sigset_t signals_;
  Progress progress_;
  std::vector<Digest> digests_;
  std::shared_ptr<const LostRanges> lost_;
  std::unique_ptr<Destination> destination_;
  std::optional<FileCommand> file_command_;
  OutputInProgress output_{progress_};
  std::optional<Report> report_;
  bool report_was_tried_ = false;               // if there is none, it must not be
  std::atomic<Report*> open_report_ = nullptr;  // the same, for the thread that watches signals
  std::optional<ProgressDisplay> display_;
  std::mutex end_mutex_;
  std::function<void()> end_by_signal_;  // under the mutex
  std::optional<SignalWatch> watch_;     // last: it uses the others
};

}  // namespace qcow2stream::cli
