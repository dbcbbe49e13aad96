// SPDX-License-Identifier: GPL-2.0-or-later

#include "restore/cover.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace qcow2stream {
namespace {

GuestRange from_to(std::uint64_t begin, std::uint64_t end) {
  return {GuestOffset(begin), end - begin};
}

bool is_covered(const std::vector<GuestRange>& parts, std::uint64_t disk_size) {
  Cover cover;
  for (const GuestRange& range : parts) cover.add(range);
  return cover.is_all_of(disk_size);
}

TEST(Cover, IsAllOfADiskWithEachByteOnce) {
  EXPECT_TRUE(is_covered({}, 0));
  EXPECT_TRUE(is_covered({from_to(0, 100)}, 100));
  EXPECT_TRUE(is_covered({from_to(60, 100), from_to(0, 1), from_to(1, 60)}, 100));
  EXPECT_TRUE(
      is_covered({from_to(512, std::uint64_t{1} << 63), from_to(0, 512)}, std::uint64_t{1} << 63));
}

TEST(Cover, IsNotWhatOnlyHasAsManyBytes) {
  EXPECT_FALSE(is_covered({}, 100));
  EXPECT_FALSE(is_covered({from_to(0, 50), from_to(0, 50)}, 100));
  EXPECT_FALSE(is_covered({from_to(0, 60), from_to(40, 80)}, 100));
  EXPECT_FALSE(is_covered({from_to(0, 30), from_to(10, 30), from_to(50, 100)}, 100));
  EXPECT_FALSE(is_covered({from_to(100, 200)}, 100));
  EXPECT_FALSE(is_covered({from_to(0, 100), from_to(100, 200)}, 100));
  EXPECT_FALSE(is_covered({from_to(0, 100), from_to(0, 100)}, 100));
}

// Against one count for each byte of a small disk.
TEST(Cover, AgreesWithACountForEachByte) {
  constexpr std::uint64_t kDisk = 12;
  std::mt19937_64 random(1);
  unsigned complete = 0;
  for (unsigned i = 0; i < 20'000; ++i) {
    std::vector<GuestRange> parts;
    for (std::uint64_t at = 0; at < kDisk;) {
      const std::uint64_t end = std::min(kDisk, at + 1 + random() % 5);
      parts.push_back(from_to(at, end));
      at = end;
    }
    // More than half are as they should be; the others have a few parts moved, cut or told again.
    for (std::uint64_t k = random() % 2 * (random() % 4); k > 0; --k) {
      const std::uint64_t begin = random() % kDisk;
      if (random() % 2 == 0) parts.push_back(parts.front());
      parts[random() % parts.size()] = from_to(begin, begin + 1 + random() % (kDisk - begin));
    }
    std::shuffle(parts.begin(), parts.end(), random);
    std::vector<unsigned> counts(kDisk);
    for (const GuestRange& range : parts) {
      for (std::uint64_t k = 0; k < range.length; ++k) ++counts.at(range.begin.value() + k);
    }
    const bool is_complete = std::ranges::count(counts, 1U) == kDisk;
    complete += is_complete ? 1 : 0;
    ASSERT_EQ(is_covered(parts, kDisk), is_complete) << i;
  }
  EXPECT_GT(complete, 5'000U);
  EXPECT_LT(complete, 15'000U);
}

}  // namespace
}  // namespace qcow2stream
