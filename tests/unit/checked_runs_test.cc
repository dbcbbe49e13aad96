// SPDX-License-Identifier: GPL-2.0-or-later
//
// Sources that tell runs which make no sense: whatever they say, the walk ends, covers the range
// once, and calls nothing zeros that no sensible answer called zeros.

#include "disk/checked_runs.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <limits>
#include <utility>
#include <vector>

#include "qcow2stream/file.h"
#include "spool/block_map.h"

namespace qcow2stream {
namespace {

using Runs = std::vector<qcow2stream::Run>;

class Teller final : public RunCursor {
 public:
  explicit Teller(Runs runs) : runs_(std::move(runs)) {}
  std::optional<qcow2stream::Run> next() override {
    ++asked;
    if (runs_.empty()) return std::nullopt;
    // The last answer is given for ever.
    return at_ + 1 < runs_.size() ? runs_[at_++] : runs_.back();
  }
  int asked = 0;

 private:
  Runs runs_;
  std::size_t at_ = 0;
};

qcow2stream::Run run(std::uint64_t begin, std::uint64_t length, qcow2stream::Run::Holds holds) {
  return {.range = {GuestOffset(begin), length}, .holds = holds};
}

constexpr auto kData = qcow2stream::Run::Holds::kData;
constexpr auto kZeros = qcow2stream::Run::Holds::kZeros;
constexpr auto kBelow = qcow2stream::Run::Holds::kBelow;

// One letter a byte of [0, size): what the checked walk says.
std::string walk(Runs runs, std::uint64_t size) {
  const auto cursor =
      checked_runs(std::make_unique<Teller>(std::move(runs)), {GuestOffset(0), size});
  std::string text;
  while (const auto next = cursor->next()) {
    EXPECT_EQ(next->range.begin.value(), text.size());
    EXPECT_GT(next->range.length, 0U);
    text.append(next->range.length, "dzb"[static_cast<int>(next->holds)]);
  }
  return text;
}

TEST(CheckedRunsTest, WhatMakesSenseStays) {
  EXPECT_EQ(walk({run(0, 2, kZeros), run(2, 3, kData), run(5, 1, kBelow)}, 6), "zzdddb");
}

TEST(CheckedRunsTest, AnAnswerThatStandsStillIsTheLastOne) {
  EXPECT_EQ(walk({run(0, 2, kZeros), run(2, 0, kZeros)}, 6), "zzdddd");
  EXPECT_EQ(walk({run(0, 2, kZeros), run(0, 2, kZeros)}, 6), "zzdddd");
}

TEST(CheckedRunsTest, GapsAndAnEarlyEndAreData) {
  EXPECT_EQ(walk({run(0, 1, kZeros), run(3, 1, kZeros), run(4, 1, kZeros)}, 6), "zddzzd");
  EXPECT_EQ(walk({}, 3), "ddd");
}

TEST(CheckedRunsTest, WhatGoesOnBehindTheEndIsNotBelieved) {
  EXPECT_EQ(walk({run(0, 7, kZeros)}, 6), "dddddd");
  EXPECT_EQ(walk({run(0, 7, kData)}, 6), "dddddd");
  EXPECT_EQ(walk({run(0, 2, kZeros), run(2, std::numeric_limits<std::uint64_t>::max(), kZeros)}, 6),
            "zzdddd");
}

TEST(CheckedRunsTest, OverlapsAreTakenOnce) {
  EXPECT_EQ(walk({run(0, 3, kData), run(1, 4, kZeros), run(5, 1, kData)}, 6), "dddzzd");
}

TEST(CheckedRunsTest, ThePlaceMovesWithTheBeginning) {
  auto placed = run(0, 6, kData);
  placed.where = Place{.descriptor = 7, .offset = 100};
  const auto cursor = checked_runs(std::make_unique<Teller>(Runs{placed}), {GuestOffset(2), 3});
  const auto next = cursor->next();
  ASSERT_TRUE(next && next->where);
  EXPECT_EQ(next->where->offset, 102U);
}

RC_GTEST_PROP(CheckedRunsTest, AnyAnswersAreWalkedOnce, ()) {
  const auto size = *rc::gen::inRange<std::uint64_t>(0, 60);
  const auto count = *rc::gen::inRange(0, 12);
  Runs runs;
  std::vector<bool> called_zeros(size);
  for (int i = 0; i < count; ++i) {
    const auto begin = *rc::gen::inRange<std::uint64_t>(0, 70);
    const auto length = *rc::gen::element<std::uint64_t>(
        0, 1, *rc::gen::inRange<std::uint64_t>(0, 70), std::numeric_limits<std::uint64_t>::max());
    const auto holds = *rc::gen::element(kData, kZeros);
    runs.push_back(run(begin, length, holds));
    if (holds != kZeros || length > size || begin + length > size) continue;
    for (std::uint64_t at = begin; at < begin + length; ++at) called_zeros[at] = true;
  }
  const std::string text = walk(runs, size);
  RC_ASSERT(text.size() == size);
  for (std::size_t at = 0; at < size; ++at) RC_ASSERT(text[at] == 'd' || called_zeros[at]);
}

RC_GTEST_PROP(BlockMapTest, FindsWhatWasMarked, ()) {
  constexpr std::uint64_t kEnd = 300ULL << 20;  // more than two pieces
  BlockMap map;
  std::vector<bool> naive(kEnd / kSpoolBlock);
  for (int i = *rc::gen::inRange(0, 6); i > 0; --i) {
    const auto begin = *rc::gen::inRange<std::uint64_t>(0, kEnd);
    const auto length = std::min(*rc::gen::inRange<std::uint64_t>(0, 140ULL << 20), kEnd - begin);
    map.mark(begin, length);
    for (std::uint64_t at = begin / kSpoolBlock;
         length > 0 && at <= (begin + length - 1) / kSpoolBlock; ++at) {
      naive[at] = true;
    }
  }
  const auto from = *rc::gen::inRange<std::uint64_t>(0, kEnd);
  for (const bool marked : {true, false}) {
    std::uint64_t wanted = from / kSpoolBlock;
    while (wanted < naive.size() && naive[wanted] != marked) ++wanted;
    RC_ASSERT(map.next(marked, from, kEnd) == std::max(from, std::min(wanted * kSpoolBlock, kEnd)));
  }
}

}  // namespace
}  // namespace qcow2stream
