// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "qcow2-from-stdin/job.h"
#include "qcow2stream/progress.h"
#include "qcow2stream/target.h"

namespace qcow2stream::cli {

// A target that knows what has become of it, for the message of a run that failed.
class WatchedTarget final : public Target {
 public:
  // `job` says what is to be done; `progress` must outlive it.
  WatchedTarget(std::unique_ptr<Target> inner, const Job& job, const Progress& progress);

  [[nodiscard]] const std::string& name() const override { return inner_->name(); }
  [[nodiscard]] TargetTraits traits() const override { return inner_->traits(); }
  void set_size(std::uint64_t size) override;
  void write(GuestOffset offset, std::span<const std::byte> bytes) override;
  void zero(GuestRange range) override;
  void read(GuestOffset offset, std::span<std::byte> buffer) override;
  [[nodiscard]] std::uint64_t zeros_at(GuestOffset offset) const override {
    return inner_->zeros_at(offset);
  }
  void flush() override;
  void finish() override;
  void drop_cache() override { inner_->drop_cache(); }
  [[nodiscard]] std::optional<std::uint64_t> room() const override { return inner_->room(); }

  // Of the disk, once it is known; else 0. This may be called from any thread.
  [[nodiscard]] std::uint64_t disk_size() const { return disk_size_; }

  // What it is now, to be put behind a message: "; /dev/sdb is unchanged". Empty where it is only
  // compared. This may be called from any thread.
  [[nodiscard]] std::string note() const;

  // An image that is applied says what it is an increment of: where that has been checked, the
  // target will not be that any more.
  void will_need_trust() { needs_trust_ = true; }

  // Begins to change nothing more from here on: whoever wants to waits for ever. For a process that
  // is about to end, so that what is said of the target stays true. A file that is just getting its
  // name gets a moment for that.
  void stop();

  // It is complete, and is being read to see whether it is what it should be; and it is.
  void distrust() { state_ = State::kDoubtful; }
  void trust() { state_ = State::kComplete; }

 private:
  enum class State {
    kUntouched,
    kBegun,     // something of it has been written
    kBlank,     // so has its beginning: it is zeros
    kDoubtful,  // its beginning is being written, or the like
    kComplete,
  };

  void wait_if_stopped() const;
  void begin_change(GuestOffset offset);

  std::unique_ptr<Target> inner_;
  const Progress& progress_;
  bool is_stream_;
  bool is_only_read_;
  bool is_increment_;  // the job changes what the target holds
  bool only_differences_;
  bool keeps_failures_;
  std::atomic<bool> needs_trust_ = false;
  std::atomic<State> state_ = State::kUntouched;
  std::atomic<std::uint64_t> disk_size_ = 0;
  std::atomic<bool> is_stopped_ = false;
  std::timed_mutex finishing_;  // held while it is finished
};

}  // namespace qcow2stream::cli
