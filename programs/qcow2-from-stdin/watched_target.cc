// SPDX-License-Identifier: GPL-2.0-or-later

#include "qcow2-from-stdin/watched_target.h"

#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <utility>

namespace qcow2stream::cli {
namespace {

// What Restore (restore.h) keeps zeros until the end.
constexpr std::uint64_t kHeldBack = 1U << 20;

// For the name of a file, and for what a flush of its directory takes.
constexpr std::chrono::milliseconds kLastCall{1000};

}  // namespace

WatchedTarget::WatchedTarget(std::unique_ptr<Target> inner, const Job& job,
                             const Progress& progress)
    : inner_(std::move(inner)),
      progress_(progress),
      is_stream_(job.writes_to_stdout()),
      is_only_read_(job.compares()),
      is_increment_(job.restore.apply),
      only_differences_(job.restore.writing == RestoreOptions::Writing::kDifferences),
      keeps_failures_(inner_->traits().keeps_failures) {}

void WatchedTarget::wait_if_stopped() const {
  while (is_stopped_) ::pause();
}

void WatchedTarget::begin_change(GuestOffset offset) {
  wait_if_stopped();
  State expected = State::kUntouched;
  state_.compare_exchange_strong(expected, State::kBegun);
  // What is held back is written: it may look like a disk from here on.
  expected = State::kBlank;
  if (offset.value() < kHeldBack) state_.compare_exchange_strong(expected, State::kDoubtful);
}

void WatchedTarget::set_size(std::uint64_t size) {
  wait_if_stopped();
  const auto had = inner_->traits().current_size;
  inner_->set_size(size);
  disk_size_ = size;
  State expected = State::kUntouched;
  if (inner_->traits().current_size != had) {
    state_.compare_exchange_strong(expected, State::kBegun);
  }
}

void WatchedTarget::write(GuestOffset offset, std::span<const std::byte> bytes) {
  begin_change(offset);
  inner_->write(offset, bytes);
}

void WatchedTarget::zero(GuestRange range) {
  begin_change(range.begin);
  inner_->zero(range);
  State expected = State::kBegun;
  if (range.begin.value() == 0) state_.compare_exchange_strong(expected, State::kBlank);
}

void WatchedTarget::read(GuestOffset offset, std::span<std::byte> buffer) {
  inner_->read(offset, buffer);
}

void WatchedTarget::flush() {
  wait_if_stopped();
  inner_->flush();
}

void WatchedTarget::finish() {
  const std::lock_guard lock(finishing_);
  wait_if_stopped();
  State expected = State::kUntouched;
  state_.compare_exchange_strong(expected, State::kBegun);  // it may become shorter now
  inner_->finish();
  state_ = State::kComplete;
}

void WatchedTarget::stop() {
  is_stopped_ = true;
  static_cast<void>(finishing_.try_lock_for(kLastCall));  // never to be unlocked
}

std::string WatchedTarget::note() const {
  if (is_only_read_) return "";
  const State state = state_;
  if (state == State::kComplete) return fmt::format("; {} is complete", name());
  if (is_stream_) {
    return state == State::kUntouched ? "" : "; output is incomplete, discard it";
  }
  // A file that has no name yet never gets one.
  if (state == State::kUntouched || (!keeps_failures_ && state != State::kDoubtful)) {
    return fmt::format("; {} is unchanged", name());
  }
  const std::uint64_t total = progress_.emit_total;
  const std::uint64_t done = progress_.emit_done;
  if (is_increment_) {
    return fmt::format(
        "; {} has {} of {} bytes of the increment applied, give the same command "
        "again{}",
        name(), done, total, needs_trust_ ? " with --trust-target" : "");
  }
  if (only_differences_) {
    return fmt::format("; {} has {} of {} bytes as they should be, give the same command again",
                       name(), done, total);
  }
  if (state == State::kBlank) {
    return fmt::format("; {} is not a disk: its first MiB is zeros", name());
  }
  return fmt::format("; do not rely on what {} holds now", name());
}

}  // namespace qcow2stream::cli
