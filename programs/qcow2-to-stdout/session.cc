// SPDX-License-Identifier: GPL-2.0-or-later

#include "qcow2-to-stdout/session.h"

#include <fmt/format.h>

#include <string>
#include <utility>

#include "common/lost_ranges.h"
#include "common/message.h"
#include "qcow2-to-stdout/advice.h"
#include "qcow2-to-stdout/progress_shares.h"
#include "qcow2-to-stdout/run_ends.h"
#include "qcow2-to-stdout/standard_output.h"
#include "qcow2stream/error.h"

namespace qcow2stream::cli {

Session::Session(Job job, const sigset_t& signals) : job_(std::move(job)), signals_(signals) {}

Session::~Session() = default;

// The command of --run must be started before there is another thread.
void Session::start() {
  destination_ = make_destination(job_.output);
  if (job_.output.mount && job_.output.command) file_command_.emplace(*job_.output.command);
  watch_.emplace(signals_,
                 SignalWatch::Callbacks{.before_death = [this](int signal) { say_goodbye(signal); },
                                        .on_usr1 = [this] { say_progress(); },
                                        .ends_by_itself = [this] { return ends_by_itself(); }});
}

int Session::run(const std::function<void()>& run) {
  const Additions additions{.subject = name_of(job_.disk.source),
                            .advice = [](const Error& error) { return advice_text(error); },
                            .note = [this](bool discard) { return output_.note(discard, false); }};
  Outcome outcome = outcome_of(additions, [&] {
    start();
    run();
  });
  display_.reset();  // the messages stand alone
  say_losses();
  if (!outcome.message.empty()) message(outcome.message);
  if (outcome.status != kExitOk && destination_) {
    const auto status = destination_->abandon(outcome.receiver_left);
    if (status && outcome.receiver_left) outcome.status = *status;
  }
  const bool has_lost = lost_ != nullptr && !lost_->empty();
  if (outcome.status == kExitOk && has_lost) outcome.status = kExitSalvaged;
  write_end(outcome);
  return outcome.status;
}

void Session::open_report(Ends& ends) {
  if (!job_.beside.report) return;
  report_was_tried_ = true;
  report_.emplace(*job_.beside.report, ends);
  open_report_ = &*report_;
}

void Session::show_progress(const Job& job) {
  display_.emplace(ProgressShown{.style = progress_style(job),
                                 .fd = job.telling.progress_fd,
                                 .title = name_of(job.disk.source),
                                 .shares = progress_shares(job)},
                   progress_, report());
}

void Session::end_by_signal(std::function<void()> end) {
  const std::lock_guard lock(end_mutex_);
  end_by_signal_ = std::move(end);
}

// The second signal does not wait any more.
bool Session::ends_by_itself() {
  const std::lock_guard lock(end_mutex_);
  if (!end_by_signal_) return false;
  end_by_signal_();
  end_by_signal_ = nullptr;
  return true;
}

void Session::say_goodbye(int signal) {
  output_.stop();
  const std::string text = fmt::format("{}: ended by {}{}", name_of(job_.disk.source),
                                       signal_name(signal), output_.note(false, true));
  message(text);
  if (Report* report = open_report_) report->end(128 + signal, progress_.emit_done, text, {});
}

void Session::say_progress() const {
  if (!can_be_said_at_once() || image_goes_to_stderr(job_.output)) return;
  message(fmt::format("{}: {}", name_of(job_.disk.source), progress_line(progress_)));
}

void Session::say_losses() {
  if (lost_ == nullptr) return;
  say_lost(name_of(job_.disk.source), *lost_, report());
}

// In the report, whether or not the run got so far as to open it.
void Session::write_end(const Outcome& outcome) {
  try {
    if (job_.beside.report && !report_was_tried_) {
      Ends ends = ends_of(job_);
      open_report(ends);
    }
  } catch (const Error&) {
    // If that is not what the run failed for, it is what would have come next.
  }
  if (report_) report_->end(outcome.status, progress_.emit_done, outcome.message, digests_);
}

}  // namespace qcow2stream::cli
