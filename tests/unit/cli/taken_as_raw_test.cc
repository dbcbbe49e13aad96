// SPDX-License-Identifier: GPL-2.0-or-later

#include "qcow2-to-stdout/taken_as_raw.h"

#include <gtest/gtest.h>

namespace qcow2stream::cli {
namespace {

TEST(TakenAsRaw, NamesOfImages) {
  for (const char* name : {"a.qcow2", "dir/a.vmdk", "A.VHD", "/x.y/z.Dmg", "a.hds", ".qcow2"}) {
    EXPECT_TRUE(has_name_of_image(name)) << name;
  }
  for (const char* name :
       {"", "a", "qcow2", "a.raw", "a.img", "a.qcow2.gz", "x.qcow2/a", "a.qcow2/"}) {
    EXPECT_FALSE(has_name_of_image(name)) << name;
  }
}

TEST(TakenAsRaw, WordsForTheShell) {
  EXPECT_EQ(shell_word("disk.raw.zst"), "disk.raw.zst");
  EXPECT_EQ(shell_word("/a-b/c_d:e@f"), "/a-b/c_d:e@f");
  EXPECT_EQ(shell_word(""), "''");
  EXPECT_EQ(shell_word("-x"), "./-x");
  EXPECT_EQ(shell_word("a b"), "'a b'");
  EXPECT_EQ(shell_word("it's"), "'it'\\''s'");
  EXPECT_EQ(shell_word("$(x)`y`"), "'$(x)`y`'");
}

}  // namespace
}  // namespace qcow2stream::cli
