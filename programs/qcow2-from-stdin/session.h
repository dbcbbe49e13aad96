// SPDX-License-Identifier: GPL-2.0-or-later
//
// What surrounds a run: the target, the report, the watch for signals, progress. Each is taken down
// however the run ends.

#pragma once

#include <atomic>
#include <csignal>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "common/ends.h"
#include "common/outcome.h"
#include "common/progress_display.h"
#include "common/report.h"
#include "common/signal_watch.h"
#include "qcow2-from-stdin/job.h"
#include "qcow2-from-stdin/watched_target.h"
#include "qcow2stream/digest.h"
#include "qcow2stream/progress.h"
#include "qcow2stream/restore.h"

namespace qcow2stream::cli {

class Session {
 public:
  // `signals` are blocked (block_watched_signals()), and there are no other threads. `job` must
  // outlive it.
  Session(const Job& job, const sigset_t& signals);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Calls `run`, which may use what follows; whatever it throws is said and reported, with what has
  // become of the target. Returns the exit status. Once.
  int run(const std::function<void()>& run);

  [[nodiscard]] Progress& progress() { return progress_; }

  // The file of the report, if there is one among the ends, is empty from here on. Throws Error.
  void open_report(Ends& ends);

  // Shows progress from here on, until the end or until it has finished.
  void show_progress();
  void finish_progress() { display_->finish(); }

  // Opens the target of the job. Throws Error. Once.
  WatchedTarget& open_target();

  // An image begins to be read: what the report says of it.
  void report_image(const BegunImage& image);

  // The run is complete: what the report says of it.
  void set_digests(std::vector<Digest> digests) { digests_ = std::move(digests); }

 private:
  void say_goodbye(int signal);
  void say_losses(int& status);
  void say_progress() const;
  [[nodiscard]] std::string note() const;
  [[nodiscard]] std::uint64_t bytes_done() const;

  const Job& job_;
  sigset_t signals_;
  Progress progress_;
  std::vector<Digest> digests_;
  std::unique_ptr<WatchedTarget> target_;
  std::atomic<WatchedTarget*> open_target_ = nullptr;  // the same, for the thread that watches
  std::optional<Report> report_;
  std::atomic<Report*> open_report_ = nullptr;
  std::optional<ProgressDisplay> display_;
  std::optional<SignalWatch> watch_;  // last: it uses the others
};

}  // namespace qcow2stream::cli
