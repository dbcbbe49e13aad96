// SPDX-License-Identifier: GPL-2.0-or-later

#include "qcow2-from-stdin/session.h"

#include <fmt/format.h>

#include <string>
#include <utility>

#include "common/lost_ranges.h"
#include "common/message.h"
#include "qcow2-from-stdin/advice.h"
#include "qcow2-from-stdin/targets.h"
#include "qcow2stream/error.h"

namespace qcow2stream::cli {
namespace {

// Where the size of the stream is known its bytes are counted, else those of the disk.
constexpr Shares kShares{.spool = 100, .check = 40};

}  // namespace

Session::Session(const Job& job, const sigset_t& signals) : job_(job), signals_(signals) {}

Session::~Session() = default;

int Session::run(const std::function<void()>& run) {
  const Additions additions{.subject = job_.name(),
                            .advice = [](const Error& error) { return advice_text(error); },
                            .note = [this](bool /*discard*/) { return note(); }};
  Outcome outcome = outcome_of(additions, [&] {
    watch_.emplace(signals_, SignalWatch::Callbacks{
                                 .before_death = [this](int signal) { say_goodbye(signal); },
                                 .on_usr1 = [this] { say_progress(); }});
    run();
  });
  display_.reset();  // the messages stand alone
  say_losses(outcome.status);
  if (!outcome.message.empty()) message(outcome.message);
  if (report_) report_->end(outcome.status, bytes_done(), outcome.message, digests_);
  return outcome.status;
}

void Session::say_losses(int& status) {
  const LostRanges* lost = job_.input.lost.get();
  if (lost == nullptr || lost->empty()) return;
  say_lost(name_of(job_.input.sources.back()), *lost, report_ ? &*report_ : nullptr);
  if (status == kExitOk) status = kExitSalvaged;
}

void Session::report_image(const BegunImage& image) {
  if (!report_) return;
  nlohmann::ordered_json line = {{"image", image.name}, {"virtual-size", image.disk_size}};
  if (image.backing_file) line["backing-filename"] = *image.backing_file;
  if (job_.target) line["target"] = job_.target->name;
  report_->plan(line);
}

void Session::open_report(Ends& ends) {
  if (!job_.report) return;
  report_.emplace(*job_.report, ends);
  open_report_ = &*report_;
}

void Session::show_progress() {
  display_.emplace(ProgressShown{.style = progress_style(job_.telling, bar_is_welcome()),
                                 .fd = job_.telling.progress_fd,
                                 .title = job_.name(),
                                 .shares = kShares},
                   progress_, report_ ? &*report_ : nullptr);
}

WatchedTarget& Session::open_target() {
  target_ = std::make_unique<WatchedTarget>(open_target_of(*job_.target), job_, progress_);
  open_target_ = target_.get();
  return *target_;
}

std::string Session::note() const {
  const WatchedTarget* target = open_target_;
  return target != nullptr ? target->note() : "";
}

// Of the disk, or of the image where there is no target.
std::uint64_t Session::bytes_done() const {
  return job_.target ? progress_.emit_done : progress_.spool_done;
}

void Session::say_goodbye(int signal) {
  if (WatchedTarget* target = open_target_) target->stop();
  const std::string text =
      fmt::format("{}: ended by {}{}", job_.name(), signal_name(signal), note());
  message(text);
  if (Report* report = open_report_) report->end(128 + signal, bytes_done(), text, {});
}

void Session::say_progress() const {
  if (!can_be_said_at_once()) return;
  message(fmt::format("{}: {}", job_.name(), progress_line(progress_)));
}

}  // namespace qcow2stream::cli
