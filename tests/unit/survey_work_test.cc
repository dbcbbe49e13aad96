// SPDX-License-Identifier: GPL-2.0-or-later

#include "survey/work.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "base/bits.h"

namespace qcow2stream {
namespace {

class ListedExtents final : public RunCursor {
 public:
  explicit ListedExtents(std::vector<Run> extents) : extents_(std::move(extents)) {}
  std::optional<Run> next() override {
    if (at_ == extents_.size()) return std::nullopt;
    return extents_[at_++];
  }

 private:
  std::vector<Run> extents_;
  std::size_t at_ = 0;
};

struct ArbitraryDisk {
  std::vector<Run> extents;  // one behind the other, data and holes, from 0 on
  std::uint64_t size = 0;
};

ArbitraryDisk disk_of_runs() {
  ArbitraryDisk disk;
  const auto count = *rc::gen::inRange(0, 200);
  for (int i = 0; i < count; ++i) {
    const auto most = *rc::gen::element<std::uint64_t>(1, 3000, 200'000, 20 << 20);
    const auto length = *rc::gen::inRange<std::uint64_t>(1, most + 1);
    const bool data = *rc::gen::arbitrary<bool>();
    disk.extents.push_back(
        {.range = {GuestOffset(disk.size), length}, .holds = data_or_zeros(data)});
    disk.size += length;
  }
  return disk;
}

// The data, widened to multiples of `alignment`; ranges that touch each other are one.
std::vector<GuestRange> widened(const ArbitraryDisk& disk, std::uint64_t alignment) {
  std::vector<GuestRange> ranges;
  for (const Run& extent : disk.extents) {
    if (!extent.is_data()) continue;
    const GuestOffset begin(align_down(extent.range.begin.value(), alignment));
    const GuestOffset end(std::min(align_up(extent.range.end().value(), alignment), disk.size));
    if (!ranges.empty() && begin <= ranges.back().end()) {
      ranges.back().length = std::max(end, ranges.back().end()) - ranges.back().begin;
    } else {
      ranges.push_back({begin, end - begin});
    }
  }
  return ranges;
}

// Puts pieces together that follow each other.
std::vector<GuestRange> joined(const std::vector<GuestRange>& pieces) {
  std::vector<GuestRange> ranges;
  for (const GuestRange& piece : pieces) {
    if (!ranges.empty() && piece.begin == ranges.back().end()) {
      ranges.back().length += piece.length;
    } else {
      ranges.push_back(piece);
    }
  }
  return ranges;
}

RC_GTEST_PROP(SurveyWorkProperty, WhatExtentsShareIsHandedOutOnce, ()) {
  const ArbitraryDisk disk = disk_of_runs();
  const std::uint64_t alignment = 1ULL << *rc::gen::element(0, 9, 12, 16, 21);
  Progress progress;
  SurveyWork work(std::make_unique<ListedExtents>(disk.extents), disk.size, alignment, &progress);
  std::vector<GuestRange> pieces;
  std::vector<GuestRange> batch;
  std::uint64_t done = 0;
  while (work.take(batch)) {
    RC_ASSERT(!batch.empty());
    std::uint64_t bytes = 0;
    for (const GuestRange& piece : batch) {
      RC_ASSERT(piece.length > 0U);
      RC_ASSERT(piece.begin.value() % alignment == 0);
      const GuestOffset end = piece.end();
      if (end != GuestOffset(disk.size)) RC_ASSERT(end.value() % alignment == 0);
      if (!pieces.empty()) RC_ASSERT(piece.begin >= pieces.back().end());
      bytes += piece.length;
      pieces.push_back(piece);
    }
    RC_ASSERT(bytes < SurveyWork::kMaxBatch);
    // What has been handed out is not yet done.
    RC_ASSERT(progress.survey_done.load() == done);
    work.done(bytes);
    done += bytes;
  }
  RC_ASSERT(joined(pieces) == widened(disk, alignment));
  // Of so few extents all are known at once, and nothing but data counts.
  std::uint64_t data = 0;
  for (const GuestRange& range : widened(disk, alignment)) data += range.length;
  RC_ASSERT(progress.survey_total.load() == std::max<std::uint64_t>(data, 1));
  RC_ASSERT(done == data && progress.survey_done.load() == data);
  work.complete();
  RC_ASSERT(progress.survey_done.load() == progress.survey_total.load());
}

TEST(SurveyWork, ProgressCountsDataAndNotHoles) {
  constexpr std::uint64_t kHole = 1ULL << 40;
  constexpr std::uint64_t kData = 32ULL << 20;
  const std::vector<qcow2stream::Run> extents = {
      {.range = {GuestOffset(0), kData}, .holds = qcow2stream::Run::Holds::kData},
      {.range = {GuestOffset(kData), kHole}, .holds = qcow2stream::Run::Holds::kZeros},
      {.range = {GuestOffset(kData + kHole), kData}, .holds = qcow2stream::Run::Holds::kData}};
  Progress progress;
  SurveyWork work(std::make_unique<ListedExtents>(extents), kHole + 2 * kData, 65536, &progress);
  EXPECT_EQ(progress.survey_total, 2 * kData);
  std::vector<GuestRange> batch;
  for (std::uint64_t taken = 0; work.take(batch);) {
    for (const GuestRange& piece : batch) {
      taken += piece.length;
      work.done(piece.length);
    }
    EXPECT_EQ(progress.survey_done, taken);
  }
  EXPECT_EQ(progress.survey_done, 2 * kData);
}

// There are more extents than are asked for in advance: of the rest the place on the disk counts.
TEST(SurveyWork, ProgressOfMoreExtentsThanAreLookedAtBefore) {
  constexpr std::uint64_t kAlignment = 512;
  constexpr std::uint64_t kCount = 200'000;
  std::vector<qcow2stream::Run> extents;
  for (std::uint64_t i = 0; i < kCount; ++i) {
    const GuestOffset begin(i * 4 * kAlignment);
    extents.push_back({.range = {begin, kAlignment}, .holds = qcow2stream::Run::Holds::kData});
    extents.push_back(
        {.range = {begin + kAlignment, 3 * kAlignment}, .holds = qcow2stream::Run::Holds::kZeros});
  }
  Progress progress;
  SurveyWork work(std::make_unique<ListedExtents>(extents), kCount * 4 * kAlignment, kAlignment,
                  &progress);
  const std::uint64_t total = progress.survey_total;
  EXPECT_GT(total, kCount * kAlignment);
  EXPECT_LT(total, kCount * 4 * kAlignment);
  std::vector<GuestRange> batch;
  std::uint64_t before = 0;
  while (work.take(batch)) {
    for (const GuestRange& piece : batch) work.done(piece.length);
    EXPECT_GT(progress.survey_done, before);
    EXPECT_LE(progress.survey_done, total);
    before = progress.survey_done;
  }
  // What stands behind the last data is all that was not counted piece by piece.
  EXPECT_EQ(before, total - 3 * kAlignment);
  work.complete();
  EXPECT_EQ(progress.survey_done, total);
}

TEST(SurveyWork, ThreadsGetEveryClusterOnce) {
  // Each extent begins and ends within a cluster that its neighbours have a part of, too.
  constexpr std::uint64_t kAlignment = 65536;
  ArbitraryDisk disk;
  for (int i = 0; i < 20'000; ++i) {
    const std::uint64_t length = 1000 + static_cast<std::uint64_t>(i) * 7919 % 9000;
    disk.extents.push_back(
        {.range = {GuestOffset(disk.size), length}, .holds = data_or_zeros(i % 3 != 0)});
    disk.size += length;
  }
  SurveyWork work(std::make_unique<ListedExtents>(disk.extents), disk.size, kAlignment, nullptr);
  std::mutex mutex;
  std::vector<GuestRange> pieces;
  {
    std::vector<std::jthread> threads;
    threads.reserve(4);
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        std::vector<GuestRange> batch;
        while (work.take(batch)) {
          const std::lock_guard lock(mutex);
          pieces.insert(pieces.end(), batch.begin(), batch.end());
        }
      });
    }
  }
  std::ranges::sort(pieces, {}, &GuestRange::begin);
  EXPECT_EQ(joined(pieces), widened(disk, kAlignment));
}

TEST(SurveyWork, NothingIsHandedOutAfterStop) {
  const ArbitraryDisk disk{
      .extents = {{.range = {GuestOffset(0), 1ULL << 30}, .holds = qcow2stream::Run::Holds::kData}},
      .size = 1ULL << 30};
  SurveyWork work(std::make_unique<ListedExtents>(disk.extents), disk.size, 512, nullptr);
  std::vector<GuestRange> batch;
  EXPECT_TRUE(work.take(batch));
  work.stop();
  EXPECT_FALSE(work.take(batch));
}

}  // namespace
}  // namespace qcow2stream
