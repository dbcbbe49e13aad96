// SPDX-License-Identifier: GPL-2.0-or-later

#include "qcow2-from-stdin/watched_target.h"

#include <gtest/gtest.h>

#include <array>
#include <utility>

#include "qcow2stream/error.h"

namespace qcow2stream::cli {
namespace {

constexpr std::uint64_t kMiB = 1U << 20;

class SomeTarget final : public Target {
 public:
  explicit SomeTarget(bool keeps_failures) : keeps_failures_(keeps_failures) {}
  [[nodiscard]] const std::string& name() const override { return name_; }
  [[nodiscard]] TargetTraits traits() const override {
    return {.can_be_read = true, .keeps_failures = keeps_failures_};
  }
  void set_size(std::uint64_t /*size*/) override {}
  void write(GuestOffset /*offset*/, std::span<const std::byte> /*bytes*/) override {}
  void zero(GuestRange /*range*/) override {}
  void read(GuestOffset /*offset*/, std::span<std::byte> /*buffer*/) override {}
  void flush() override {}
  void finish() override {}

 private:
  std::string name_ = "disk";
  bool keeps_failures_;
};

class Watched : public ::testing::Test {
 protected:
  // What is to be done with a target of the other kind than a new file, by default.
  WatchedTarget& target(const RestoreOptions& restore = {}, bool keeps_failures = true) {
    job_.target.emplace();
    job_.restore = restore;
    target_.emplace(std::make_unique<SomeTarget>(keeps_failures), job_, progress_);
    return *target_;
  }
  void write(std::uint64_t offset) { target_->write(GuestOffset(offset), bytes_); }

  Job job_;
  Progress progress_;
  std::array<std::byte, 512> bytes_{};
  std::optional<WatchedTarget> target_;
};

TEST_F(Watched, ADeviceIsNoDiskUntilItsBeginningIsWritten) {
  WatchedTarget& disk = target();
  EXPECT_EQ(disk.note(), "; disk is unchanged");
  disk.set_size(9 * kMiB);
  EXPECT_EQ(disk.note(), "; disk is unchanged");
  disk.zero({GuestOffset(8 * kMiB), kMiB});
  EXPECT_EQ(disk.note(), "; do not rely on what disk holds now");
  disk.zero({GuestOffset(0), kMiB});
  EXPECT_EQ(disk.note(), "; disk is not a disk: its first MiB is zeros");
  write(kMiB);
  EXPECT_EQ(disk.note(), "; disk is not a disk: its first MiB is zeros");
  write(512);
  EXPECT_EQ(disk.note(), "; do not rely on what disk holds now");
  disk.finish();
  EXPECT_EQ(disk.note(), "; disk is complete");
}

TEST_F(Watched, ANewFileIsNothingUntilItIsComplete) {
  WatchedTarget& file = target({}, false);
  write(0);
  EXPECT_EQ(file.note(), "; disk is unchanged");
  file.finish();
  EXPECT_EQ(file.note(), "; disk is complete");
  file.distrust();
  EXPECT_EQ(file.note(), "; do not rely on what disk holds now");
}

TEST_F(Watched, AnIncrementCanBeAppliedAgain) {
  const WatchedTarget& disk = target({.apply = true});
  EXPECT_EQ(disk.note(), "; disk is unchanged");
  write(0);
  progress_.emit_total = 1000;
  progress_.emit_done = 512;
  EXPECT_EQ(disk.note(),
            "; disk has 512 of 1000 bytes of the increment applied, give the same command again");
}

TEST_F(Watched, WhatIsOnlyComparedStays) {
  EXPECT_EQ(target({.writing = RestoreOptions::Writing::kNothing}).note(), "");
}

}  // namespace
}  // namespace qcow2stream::cli
