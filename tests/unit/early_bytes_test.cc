// SPDX-License-Identifier: GPL-2.0-or-later

#include "restore/early_bytes.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <string_view>
#include <vector>

namespace qcow2stream {
namespace {

std::vector<std::byte> bytes(std::string_view text) {
  const auto* begin = reinterpret_cast<const std::byte*>(text.data());
  return {begin, begin + text.size()};
}

HostRange host_range(std::uint64_t begin, std::uint64_t length) {
  return {HostOffset(begin), length};
}

TEST(EarlyBytes, GiveBackPartsOfWhatWasKept) {
  for (const bool in_memory : {true, false}) {
    EarlyBytes early(in_memory ? 100 : 0, "/tmp");
    EXPECT_TRUE(early.keep(HostOffset(10), bytes("abcdef")));
    EXPECT_TRUE(early.keep(HostOffset(16), bytes("ghi")));
    EXPECT_TRUE(early.keep(HostOffset(30), bytes("xyz")));
    EXPECT_EQ(early.size(), 12U);
    EXPECT_EQ(early.copy(host_range(15, 3)), bytes("fgh"));
    EXPECT_EQ(early.copy(host_range(15, 5)), std::nullopt);
    EXPECT_EQ(early.take(host_range(14, 4)), bytes("efgh"));
    EXPECT_EQ(early.take(host_range(14, 4)), std::nullopt);
    EXPECT_EQ(early.take(host_range(8, 4)), std::nullopt);
    EXPECT_EQ(early.take(host_range(10, 4)), bytes("abcd"));
    EXPECT_EQ(early.take(host_range(18, 1)), bytes("i"));
    EXPECT_EQ(early.take(host_range(31, 1)), bytes("y"));
    EXPECT_EQ(early.size(), 2U);
    EXPECT_EQ(early.most(), 12U);
  }
}

TEST(EarlyBytes, KeepZerosInAFile) {
  EarlyBytes early(0, "/tmp");
  const std::vector<std::byte> zeros(100000);
  EXPECT_TRUE(early.keep(HostOffset(0), zeros));
  EXPECT_EQ(early.take(host_range(0, zeros.size())), zeros);
}

TEST(EarlyBytes, SayWhereThereIsNoRoom) {
  EarlyBytes early(5, std::nullopt);
  EXPECT_TRUE(early.keep(HostOffset(0), bytes("abcd")));
  EXPECT_FALSE(early.keep(HostOffset(4), bytes("ef")));
  EXPECT_EQ(early.take(host_range(0, 4)), bytes("abcd"));
  EXPECT_TRUE(early.keep(HostOffset(4), bytes("efghi")));
}

}  // namespace
}  // namespace qcow2stream
