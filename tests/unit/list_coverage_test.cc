// SPDX-License-Identifier: GPL-2.0-or-later
//
// Order, overlaps and gaps of the entries of a map.

#include "lists/list_coverage.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <vector>

#include "qcow2stream/error.h"

namespace qcow2stream {
namespace {

constexpr GuestOffset kEnd(1ULL << 60);

struct Result {
  std::string error;  // what failed and why
  bool must_remember = false;
  ListCoverage::Covered covered;
};

Result coverage_of(const std::vector<GuestRange>& ranges, bool remember, GuestOffset end = kEnd,
                   std::uint64_t first_number = 1) {
  const std::string name = "map";
  ListCoverage coverage(name, end, remember);
  try {
    for (const GuestRange& range : ranges) {
      if (!coverage.add({.number = first_number++, .range = range}, range)) {
        return {.must_remember = true};
      }
    }
    return {.covered = coverage.finish()};
  } catch (const Error& error) {
    return {.error = error.what_failed() + ": " + error.reason()};
  }
}

GuestRange range(std::uint64_t begin, std::uint64_t length) {
  return {GuestOffset(begin), length};
}

TEST(ListCoverage, ASortedMapNeedsNoMemory) {
  for (const bool remember : {false, true}) {
    const Result result =
        coverage_of({range(0, 10), range(10, 5), range(100, 0), range(20, 5)}, remember);
    EXPECT_EQ(result.error, "");
    EXPECT_FALSE(result.must_remember);
    EXPECT_EQ(result.covered.end, GuestOffset(25));
    EXPECT_EQ(result.covered.gap, range(15, 5));
  }
}

TEST(ListCoverage, AnOverlapIsNamed) {
  for (const bool remember : {false, true}) {
    EXPECT_EQ(coverage_of({range(0, 10), range(9, 5)}, remember).error,
              "entry 2 (offset 9, length 5): overlaps the one before");
    EXPECT_EQ(coverage_of({range(0, 10), range(0, 10)}, remember).error,
              "entry 2 (offset 0, length 10): overlaps the one before");
  }
  EXPECT_EQ(coverage_of({range(100, 10), range(0, 10), range(109, 5)}, true).error,
            "entry 3 (offset 109, length 5): overlaps what an earlier entry lists at offset 109");
  EXPECT_EQ(coverage_of({range(100, 10), range(50, 51)}, true).error,
            "entry 2 (offset 50, length 51): overlaps what an earlier entry lists at offset 100");
  EXPECT_TRUE(coverage_of({range(100, 10), range(50, 51)}, false).must_remember);
}

TEST(ListCoverage, LongEntriesAreCutAndStillNamedInFull) {
  constexpr std::uint64_t kLong = 1ULL << 40;
  const Result result =
      coverage_of({range(3 * kLong, kLong), range(kLong, kLong), range(0, kLong)}, true);
  EXPECT_EQ(result.error, "");
  EXPECT_EQ(result.covered.gap, range(2 * kLong, kLong));
  EXPECT_EQ(result.covered.end, GuestOffset(4 * kLong));
  EXPECT_EQ(coverage_of({range(2 * kLong, kLong), range(0, 2 * kLong + 1)}, true).error,
            "entry 2 (offset 0, length 2199023255553): overlaps what an earlier entry lists at "
            "offset 2199023255552");
}

TEST(ListCoverage, EntriesThatOverlapManyTimesTakeNoMemory) {
  std::vector<GuestRange> ranges{range(1, kEnd.value() / 4)};
  for (int i = 0; i < 1'000'000; ++i) ranges.push_back(range(0, kEnd.value() / 4));
  EXPECT_NE(coverage_of(ranges, true).error.find("overlaps what an earlier entry lists"),
            std::string::npos);
}

TEST(ListCoverage, UnsortedMapsHaveALimitAndSortedOnesHaveNot) {
  constexpr std::uint64_t kMost = ListCoverage::kMaxUnsorted;
  EXPECT_EQ(coverage_of({range(20, 5), range(10, 5)}, true, kEnd, kMost - 1).error, "");
  for (const bool remember : {false, true}) {
    EXPECT_EQ(coverage_of({range(20, 5), range(10, 5)}, remember, kEnd, kMost).error,
              "entry 16777217 (offset 10, length 5): the map has more than 16777216 entries "
              "and is not sorted by offset");
    EXPECT_EQ(coverage_of({range(20, 5), range(30, 5)}, remember, kEnd, kMost).error, "");
  }
  EXPECT_NE(coverage_of({range(20, 5), range(10, 5), range(30, 5)}, true, kEnd, kMost - 1).error,
            "");
}

// Against a vector of booleans.
RC_GTEST_PROP(ListCoverageProperty, AgreesWithAVectorOfBooleans, ()) {
  constexpr std::uint64_t kBytes = 60;
  const auto ranges = *rc::gen::container<std::vector<GuestRange>>(
      rc::gen::map(rc::gen::pair(rc::gen::inRange<std::uint64_t>(0, kBytes),
                                 rc::gen::inRange<std::uint64_t>(0, 5)),
                   [](const std::pair<std::uint64_t, std::uint64_t>& pair) {
                     return range(pair.first, std::min(pair.second, kBytes - pair.first));
                   }));
  std::vector<bool> bytes(kBytes);
  bool overlap = false;
  bool sorted = true;
  std::uint64_t end = 0;
  for (const GuestRange& r : ranges) {
    if (r.length > 0 && r.begin.value() < end) sorted = false;
    if (r.length > 0) end = std::max(end, r.end().value());
    for (std::uint64_t at = r.begin.value(); at < r.end().value(); ++at) {
      overlap = overlap || bytes[at];
      bytes[at] = true;
    }
  }
  const Result result = coverage_of(ranges, true, GuestOffset(kBytes));
  RC_ASSERT(result.error.empty() != overlap);
  if (!overlap) {
    RC_ASSERT(result.covered.end == GuestOffset(end));
    std::uint64_t gap = 0;
    while (gap < end && bytes[gap]) ++gap;
    RC_ASSERT(result.covered.gap.has_value() == (gap < end));
    if (gap < end) RC_ASSERT(result.covered.gap->begin == GuestOffset(gap));
    RC_ASSERT(coverage_of(ranges, false).must_remember == !sorted);
  }
}

}  // namespace
}  // namespace qcow2stream
