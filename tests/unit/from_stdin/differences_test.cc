// SPDX-License-Identifier: GPL-2.0-or-later

#include "qcow2-from-stdin/differences.h"

#include <gtest/gtest.h>

namespace qcow2stream::cli {
namespace {

void add(Differences& differences, std::uint64_t begin, std::uint64_t length) {
  differences.add({GuestOffset(begin), length});
}

TEST(Differences, AreInTheOrderOfTheDisk) {
  Differences differences;
  add(differences, 4096, 512);
  add(differences, 0, 100);
  add(differences, 8192, 1);
  ::testing::internal::CaptureStdout();
  differences.print();
  EXPECT_EQ(::testing::internal::GetCapturedStdout(), "0 100\n4096 512\n8192 1\n");
  EXPECT_EQ(differences.count(), 3U);
}

TEST(Differences, ThatTouchAreOne) {
  Differences differences;
  add(differences, 100, 100);
  add(differences, 300, 100);
  add(differences, 0, 100);
  EXPECT_EQ(differences.count(), 2U);
  add(differences, 200, 100);
  EXPECT_EQ(differences.count(), 1U);
  add(differences, 400, 1);
  ::testing::internal::CaptureStdout();
  differences.print();
  EXPECT_EQ(::testing::internal::GetCapturedStdout(), "0 401\n");
}

}  // namespace
}  // namespace qcow2stream::cli
