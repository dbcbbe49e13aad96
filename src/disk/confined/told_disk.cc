// SPDX-License-Identifier: GPL-2.0-or-later

#include "disk/confined/told_disk.h"

#include <algorithm>
#include <utility>

namespace qcow2stream::confined {
namespace {

bool has(const ToldRun& run, GuestOffset offset) {
  return run.range.begin <= offset && offset < run.range.end();
}

bool has(const ToldRuns& runs, GuestOffset offset) {
  return runs.front().range.begin <= offset && offset < runs.back().range.end();
}

}  // namespace

std::shared_ptr<const ToldRuns> ToldDisk::around(GuestOffset offset) const {
  {
    const std::lock_guard lock(mutex_);
    for (const auto& runs : kept_) {
      if (runs != nullptr && has(*runs, offset)) return runs;
    }
  }
  auto runs = ask(offset);
  const std::lock_guard lock(mutex_);
  kept_.at(oldest_) = runs;
  oldest_ = (oldest_ + 1) % kKept;
  return runs;
}

std::shared_ptr<const ToldRuns> ToldDisk::ask(GuestOffset offset) const {
  const GuestRange rest{offset, disk_bytes_ - offset.value()};
  ConfinedReader::Loan channel(reader_);
  const auto bytes = channel.ask_and_copy(Ask::kRuns, offset.value(), rest.length);
  auto runs = read_runs(bytes, rest, file_bytes_, RunsOf::kDisk);
  if (!runs) reader_.refuse_answer();
  return std::make_shared<const ToldRuns>(std::move(*runs));
}

ToldRun ToldWalk::run_at(GuestRange range) {
  if (runs_ != nullptr && at_ + 1 < runs_->size() && has((*runs_)[at_ + 1], range.begin)) ++at_;
  if (runs_ == nullptr || !has((*runs_)[at_], range.begin)) {
    if (runs_ == nullptr || !has(*runs_, range.begin)) runs_ = disk_.around(range.begin);
    const auto behind = std::ranges::upper_bound(
        *runs_, range.begin, {}, [](const ToldRun& run) { return run.range.begin; });
    at_ = static_cast<std::size_t>(behind - runs_->begin()) - 1;
  }
  ToldRun run = (*runs_)[at_];
  const std::uint64_t skipped = range.begin - run.range.begin;
  run.range = range.first(run.range.length - skipped);
  if (run.kind == ToldRun::Kind::kPlain) run.place += skipped;
  return run;
}

}  // namespace qcow2stream::confined
