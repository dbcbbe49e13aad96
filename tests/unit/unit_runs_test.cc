// SPDX-License-Identifier: GPL-2.0-or-later

#include "filesystems/unit_runs.h"

#include <gtest/gtest.h>

#include <array>
#include <vector>

#include "filesystems/kept.h"
#include "filesystems/volume_name.h"

namespace qcow2stream {
namespace {

std::vector<UnitRun> clear_runs(std::span<const std::uint64_t> words, std::uint64_t bits) {
  std::vector<UnitRun> runs;
  for_each_clear_run(words, bits, [&](UnitRun run) { runs.push_back(run); });
  return runs;
}

TEST(UnitRuns, ClearBitsAreFoundInRuns) {
  const std::array<std::uint64_t, 2> words{0xfffffffffffffff1, 0x7ffffffffffffffe};
  EXPECT_EQ(clear_runs(words, 128), (std::vector<UnitRun>{{1, 3}, {64, 1}, {127, 1}}));
  EXPECT_EQ(clear_runs(words, 127), (std::vector<UnitRun>{{1, 3}, {64, 1}}));
  EXPECT_EQ(clear_runs(words, 3), (std::vector<UnitRun>{{1, 2}}));
  EXPECT_EQ(clear_runs(words, 0), std::vector<UnitRun>{});
  const std::array<std::uint64_t, 2> none{0, 0};
  EXPECT_EQ(clear_runs(none, 100), (std::vector<UnitRun>{{0, 100}}));
}

TEST(UnitRuns, SetBitsAreCountedBetweenAnyTwoPlaces) {
  std::array<std::uint64_t, 3> words{};
  set_bits(words, 60, 140);
  for (std::uint64_t begin = 0; begin <= 192; begin += 7) {
    for (std::uint64_t end = begin; end <= 192; end += 5) {
      std::uint64_t expected = 0;
      for (std::uint64_t i = begin; i < end; ++i) expected += i >= 60 && i < 140 ? 1 : 0;
      EXPECT_EQ(count_set(words, begin, end), expected) << begin << ' ' << end;
    }
  }
}

TEST(UnitRuns, RunsThatTouchAreJoined) {
  RunList list;
  list.append({10, 5});
  list.append({15, 5});
  list.append({30, 1});
  EXPECT_EQ(list.runs().size(), 2U);
  EXPECT_TRUE(list.meets({19, 1}));
  EXPECT_TRUE(list.meets({0, 11}));
  EXPECT_TRUE(list.meets({20, 11}));
  EXPECT_FALSE(list.meets({20, 10}));
  EXPECT_FALSE(list.meets({0, 10}));
  EXPECT_FALSE(list.meets({31, 100}));
  EXPECT_FALSE(list.meets({12, 0}));
}

TEST(UnitRuns, RunsWithAUnitInCommonAreNoticed) {
  std::vector<UnitRun> apart{{5, 2}, {0, 5}, {7, 1}};
  EXPECT_TRUE(sort_apart(apart));
  EXPECT_EQ(apart.front(), (UnitRun{0, 5}));
  std::vector<UnitRun> meeting{{5, 2}, {0, 6}};
  EXPECT_FALSE(sort_apart(meeting));
}

TEST(VolumeName, WhatCannotBePrintedIsEscaped) {
  EXPECT_EQ(printable_name("data 1"), "data 1");
  EXPECT_EQ(printable_name("a\n\\\x80"), "a\\x0a\\x5c\\x80");
  EXPECT_EQ(printable_name(std::string(100, 'x')).size(), 64U);
}

}  // namespace
}  // namespace qcow2stream
