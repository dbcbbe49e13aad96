// SPDX-License-Identifier: GPL-2.0-or-later

#include "disk/checked_runs.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

namespace qcow2stream {
namespace {

class CheckedRuns final : public RunCursor {
 public:
  CheckedRuns(std::unique_ptr<RunCursor> told, GuestRange range)
      : told_(std::move(told)), at_(range.begin), end_(range.end()) {}

  std::optional<Run> next() override {
    if (at_ >= end_) return std::nullopt;
    if (!ahead_ && told_ != nullptr) ask();
    if (!ahead_) return hand_out({.range = {at_, end_ - at_}, .holds = Run::Holds::kData});
    if (ahead_->range.begin > at_) {
      return hand_out({.range = {at_, ahead_->range.begin - at_}, .holds = Run::Holds::kData});
    }
    return hand_out(*std::exchange(ahead_, std::nullopt));
  }

 private:
  // Fills `ahead_` with a run that lies within [at_, end_), or gives the source up.
  void ask() {
    ahead_ = told_->next();
    if (ahead_ && brings_us_forward(*ahead_)) {
      clip(*ahead_);
    } else {
      ahead_.reset();
      told_.reset();
    }
  }

  [[nodiscard]] bool brings_us_forward(const Run& run) const {
    const std::uint64_t begin = run.range.begin.value();
    if (run.range.length == 0) return false;
    if (run.range.length > std::numeric_limits<std::uint64_t>::max() - begin) return false;
    if (run.range.end() <= at_ || run.range.begin >= end_) return false;
    return run.range.end() <= end_ || run.is_data();
  }

  void clip(Run& run) const {
    const GuestOffset begin = std::max(run.range.begin, at_);
    if (run.where) run.where->offset += begin - run.range.begin;
    run.range = {begin, std::min(run.range.end(), end_) - begin};
  }

  Run hand_out(const Run& run) {
    at_ = run.range.end();
    return run;
  }

  std::unique_ptr<RunCursor> told_;  // null: it has nothing more to say
  std::optional<Run> ahead_;
  GuestOffset at_;
  GuestOffset end_;
};

}  // namespace

std::unique_ptr<RunCursor> checked_runs(std::unique_ptr<RunCursor> told, GuestRange range) {
  return std::make_unique<CheckedRuns>(std::move(told), range);
}

}  // namespace qcow2stream
