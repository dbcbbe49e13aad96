// SPDX-License-Identifier: GPL-2.0-or-later

#include "common/progress_state.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/errors.h"

namespace qcow2stream::cli {
namespace {

using std::chrono::steady_clock;

// How much one look weighs in the rate that is shown.
constexpr double kSmoothing = 0.1;

double fraction(std::uint64_t done, std::uint64_t total) {
  return total == 0 ? 0 : static_cast<double>(done) / static_cast<double>(total);
}

}  // namespace

ProgressState current_step(const Progress& progress) {
  ProgressState state{
      .step = "survey", .done = progress.survey_done, .total = progress.survey_total};
  if (progress.emit_total > 0) {
    state = {.step = "writing", .done = progress.emit_done, .total = progress.emit_total};
  } else if (progress.check_total > 0) {
    state = {.step = "checking", .done = progress.check_done, .total = progress.check_total};
  } else if (progress.survey_total == 0 && progress.spool_done > 0) {
    state = {.step = "reading", .done = progress.spool_done, .total = progress.spool_total};
  }
  return state;
}

std::string progress_line(const Progress& progress) {
  const ProgressState step = current_step(progress);
  if (step.total == 0) return fmt::format("{}: {} bytes", step.step, step.done);
  const double percent = fraction(step.done, step.total) * 100;
  return fmt::format("{}: {} of {} bytes ({} %)", step.step, step.done, step.total,
                     static_cast<unsigned>(percent));
}

unsigned percent_done(const Progress& progress, Shares shares) {
  // Only what is known from its beginning has a share.
  const double check_share = progress.check_total > 0 ? shares.check : 0;
  const double spool_share =
      progress.spool_total > 0 ? (100 - check_share) * shares.spool / 100 : 0;
  const double survey_share = (100 - check_share - spool_share) * shares.survey / 100;
  const double emit_share = 100 - check_share - spool_share - survey_share;
  const double check =
      progress.emit_total > 0 ? 1 : fraction(progress.check_done, progress.check_total);
  const double spool = fraction(progress.spool_done, progress.spool_total);
  const double survey =
      progress.emit_total > 0 ? 1 : fraction(progress.survey_done, progress.survey_total);
  const double emit = fraction(progress.emit_done, progress.emit_total);
  return static_cast<unsigned>(check * check_share + spool * spool_share + survey * survey_share +
                               emit * emit_share);
}

ProgressWatch::ProgressWatch(const std::string& title, Shares shares, const Progress& progress)
    : progress_(progress), title_(one_line(title)), shares_(shares) {}

ProgressState ProgressWatch::look() {
  ProgressState state = current_step(progress_);
  state.title = title_;
  most_percent_ = std::max(most_percent_, std::min(99U, percent_done(progress_, shares_)));
  state.percent = most_percent_;
  state.is_last_step = progress_.emit_total > 0;
  if (state.total > 0) state.done = std::min(state.done, state.total);

  const auto now = steady_clock::now();
  if (state.step != last_step_) {
    last_step_ = state.step;
    last_done_ = 0;
    rate_ = 0;
  }
  const double elapsed = std::chrono::duration<double>(now - last_time_).count();
  if (elapsed > 0) {
    const double current = static_cast<double>(state.done - last_done_) / elapsed;
    rate_ = rate_ == 0 ? current : rate_ + kSmoothing * (current - rate_);
  }
  last_time_ = now;
  last_done_ = state.done;
  state.bytes_per_second = rate_;
  return state;
}

}  // namespace qcow2stream::cli
