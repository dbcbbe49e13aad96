// SPDX-License-Identifier: GPL-2.0-or-later

#include "mount/sequential_readers.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <random>
#include <vector>

namespace qcow2stream::cli {
namespace {

constexpr std::uint64_t kKib = 1024;
constexpr std::uint64_t kMib = 1024 * kKib;
constexpr std::uint64_t kRequest = 128 * kKib;

TEST(SequentialReaders, WhoReadsOnIsToldAllThatComesOnce) {
  SequentialReaders readers;
  std::uint64_t told = 0;
  for (std::uint64_t at = 0; at < 100 * kMib; at += kRequest) {
    const auto next = readers.after(at, kRequest);
    if (next.length == 0) continue;
    if (told != 0) {
      EXPECT_EQ(next.offset, told);
    }
    told = next.offset + next.length;
    EXPECT_GE(next.offset, at + kRequest);
    EXPECT_LE(told, at + kRequest + 16 * kMib);
  }
  EXPECT_GE(told, 100 * kMib);
}

TEST(SequentialReaders, SoAreManyWhoReadAtOnceAndOutOfOrder) {
  SequentialReaders readers;
  std::mt19937 random(1);
  std::vector<std::uint64_t> told(8);
  for (std::uint64_t round = 0; round < 50; ++round) {
    std::vector<std::uint64_t> requests;
    for (std::uint64_t reader = 0; reader < told.size(); ++reader) {
      for (std::uint64_t i = 0; i < 4; ++i) {
        requests.push_back(reader * 1000 * kMib + (4 * round + i) * kRequest);
      }
    }
    std::ranges::shuffle(requests, random);
    for (const std::uint64_t at : requests) {
      const auto next = readers.after(at, kRequest);
      if (next.length == 0) continue;
      std::uint64_t& before = told[at / (1000 * kMib)];
      EXPECT_GE(next.offset, before);
      before = next.offset + next.length;
    }
  }
  for (std::uint64_t reader = 0; reader < told.size(); ++reader) {
    EXPECT_GE(told[reader], reader * 1000 * kMib + 200 * kRequest);
  }
}

TEST(SequentialReaders, WhoReadsHereAndThereIsToldNothing) {
  SequentialReaders readers;
  std::mt19937_64 random(2);
  std::uint64_t told = 0;
  for (int i = 0; i < 20000; ++i) {
    told += readers.after(random() % (1U << 20) * 4 * kKib, 4 * kKib).length;
  }
  EXPECT_EQ(told, 0U);
}

TEST(SequentialReaders, AFewReadsAreNoReason) {
  SequentialReaders readers;
  EXPECT_EQ(readers.after(0, kRequest).length, 0U);
  EXPECT_EQ(readers.after(kRequest, kRequest).length, 0U);
  EXPECT_EQ(readers.after(100 * kMib, 100 * kKib).length, 0U);
}

}  // namespace
}  // namespace qcow2stream::cli
