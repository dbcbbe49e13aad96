// SPDX-License-Identifier: GPL-2.0-or-later

#include "restore/references.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <random>
#include <tuple>
#include <vector>

namespace qcow2stream {
namespace {

constexpr std::uint64_t kCluster = 65536;

Reference data_at(std::uint64_t host, std::uint64_t guest) {
  return {.host = {HostOffset(host * kCluster), kCluster},
          .guest = GuestOffset(guest * kCluster),
          .kind = Reference::Kind::kData};
}

References make_references() {
  return {kCluster, kCluster / 8 * kCluster, 32768};
}

// All that is left, one entry a cluster, in the order in which it is handed out.
std::vector<std::tuple<std::uint64_t, std::uint64_t>> take_all(References& references) {
  std::vector<std::tuple<std::uint64_t, std::uint64_t>> all;
  while (const auto next = references.front()) {
    references.take_front();
    for (std::uint64_t i = 0; i < next->host.length / kCluster; ++i) {
      all.emplace_back(next->host.begin.value() / kCluster + i, next->guest.value() / kCluster + i);
    }
  }
  return all;
}

TEST(References, JoinWhatIsContiguousOnBothSides) {
  References references = make_references();
  references.add(data_at(5, 100));
  references.add(data_at(6, 101));
  references.add(data_at(7, 103));
  ASSERT_TRUE(references.front());
  EXPECT_EQ(references.front()->host, (HostRange{HostOffset(5 * kCluster), 2 * kCluster}));
  references.take_front();
  ASSERT_TRUE(references.front());
  EXPECT_EQ(references.front()->guest, GuestOffset(103 * kCluster));
  references.take_front();
  EXPECT_FALSE(references.front());
}

TEST(References, JoinTablesByWhatTheyMap) {
  References references = make_references();
  const std::uint64_t reach = kCluster / 8 * kCluster;
  for (std::uint64_t i = 0; i < 3; ++i) {
    references.add({.host = {HostOffset((4 + i) * kCluster), kCluster},
                    .guest = GuestOffset(i * reach),
                    .kind = Reference::Kind::kL2Table});
  }
  ASSERT_TRUE(references.front());
  EXPECT_EQ(references.front()->host.length, 3 * kCluster);
}

TEST(References, KeepCompressedClustersApart) {
  References references = make_references();
  for (std::uint64_t i = 0; i < 2; ++i) {
    references.add({.host = {HostOffset(512 + i * 512), 512},
                    .guest = GuestOffset(i * 512),
                    .kind = Reference::Kind::kCompressed});
  }
  EXPECT_EQ(references.front()->host.length, 512U);
}

TEST(References, HandOutClustersThatManyShare) {
  References references = make_references();
  for (std::uint64_t i = 0; i < 300000; ++i) references.add(data_at(7, 2 * i));
  const auto all = take_all(references);
  ASSERT_EQ(all.size(), 300000U);
  EXPECT_TRUE(std::ranges::is_sorted(all));
}

// Far more than are at hand, in any order, and more while some are taken.
TEST(References, HandOutAllInTheOrderOfTheImage) {
  std::mt19937_64 random(1);
  constexpr std::uint64_t kClusters = 600000;
  std::vector<std::uint64_t> places(kClusters);
  for (std::uint64_t i = 0; i < kClusters; ++i) places[i] = i * 3;
  std::ranges::shuffle(places, random);
  References references = make_references();
  for (std::uint64_t i = 0; i < kClusters / 2; ++i) references.add(data_at(places[i], i));
  std::map<std::uint64_t, std::uint64_t> expected;
  for (std::uint64_t i = 0; i < kClusters / 2; ++i) expected[places[i]] = i;
  std::uint64_t at = 0;
  std::uint64_t added = kClusters / 2;
  std::uint64_t taken = 0;
  while (const auto next = references.front()) {
    ASSERT_FALSE(expected.empty());
    ASSERT_EQ(next->host.begin.value() / kCluster, expected.begin()->first);
    ASSERT_EQ(next->guest.value() / kCluster, expected.begin()->second);
    at = expected.begin()->first;
    expected.erase(expected.begin());
    references.take_front();
    ++taken;
    // What comes later is added as it is found.
    for (int i = 0; i < 2 && added < kClusters; ++i, ++added) {
      if (places[added] <= at) continue;
      references.add(data_at(places[added], added));
      expected[places[added]] = added;
    }
  }
  EXPECT_TRUE(expected.empty());
  EXPECT_GT(taken, kClusters / 2);
}

TEST(References, TakeLittleMemoryInTheOrderOfTheDisk) {
  References references = make_references();
  std::mt19937_64 random(2);
  std::uint64_t host = 100;
  constexpr std::uint64_t kClusters = 4000000;
  for (std::uint64_t i = 0; i < kClusters; ++i) {
    if (random() % 2 == 0) references.add(data_at(host++, i));
  }
  // A bit a cluster, and what is at hand.
  EXPECT_LT(references.memory(), 12U << 20);
  EXPECT_EQ(take_all(references).size(), host - 100);
}

RC_GTEST_PROP(References, AreHandedOutOnceEach, ()) {
  References references = make_references();
  const auto wanted =
      *rc::gen::container<std::vector<std::tuple<std::uint64_t, std::uint64_t>>>(rc::gen::tuple(
          rc::gen::inRange<std::uint64_t>(0, 50), rc::gen::inRange<std::uint64_t>(0, 50)));
  for (const auto& [host, guest] : wanted) references.add(data_at(host, guest));
  auto all = take_all(references);
  auto sorted = wanted;
  std::ranges::sort(sorted);
  std::ranges::sort(all);
  RC_ASSERT(all == sorted);
}

}  // namespace
}  // namespace qcow2stream
