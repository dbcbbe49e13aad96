// SPDX-License-Identifier: GPL-2.0-or-later

#include "common/shell_word.h"

#include <gtest/gtest.h>

namespace qcow2stream::cli {
namespace {

TEST(ShellWord, IsQuotedWhereItHasToBe) {
  EXPECT_EQ(shell_word("disk.raw.zst"), "disk.raw.zst");
  EXPECT_EQ(shell_word("/a-b/c_d:e@f"), "/a-b/c_d:e@f");
  EXPECT_EQ(shell_word("-x"), "-x");
  EXPECT_EQ(shell_word(""), "''");
  EXPECT_EQ(shell_word("a b"), "'a b'");
  EXPECT_EQ(shell_word("it's"), "'it'\\''s'");
  EXPECT_EQ(shell_word("$(x)`y`"), "'$(x)`y`'");
}

TEST(ShellWord, NoFileIsAnOption) {
  EXPECT_EQ(shell_path("-x"), "./-x");
  EXPECT_EQ(shell_path("- x"), "'./- x'");
  EXPECT_EQ(shell_path("a-x"), "a-x");
}

}  // namespace
}  // namespace qcow2stream::cli
