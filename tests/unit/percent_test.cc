// SPDX-License-Identifier: GPL-2.0-or-later

#include "base/percent.h"

#include <gtest/gtest.h>

namespace qcow2stream {
namespace {

TEST(Percent, EscapesAreBytes) {
  EXPECT_EQ(percent_decoded(""), "");
  EXPECT_EQ(percent_decoded("a%20b%2fc%2F"), "a b/c/");
  EXPECT_EQ(percent_decoded("%41"), "A");
  EXPECT_EQ(percent_decoded("%00").size(), 1U);
  EXPECT_EQ(percent_decoded("%2541"), "%41");
}

TEST(Percent, WhatIsNoEscapeStays) {
  for (const char* text : {"%", "%4", "a%4", "%zz", "%4z", "%%", "100%"}) {
    EXPECT_EQ(percent_decoded(text), text);
  }
  EXPECT_EQ(percent_decoded("%%41"), "%A");
}

}  // namespace
}  // namespace qcow2stream
