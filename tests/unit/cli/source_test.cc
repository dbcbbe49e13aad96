// SPDX-License-Identifier: GPL-2.0-or-later

#include "common/source.h"

#include <gtest/gtest.h>

#include "common/open_source.h"

namespace qcow2stream::cli {
namespace {

TEST(Source, IsWhatTheWordNames) {
  EXPECT_TRUE(std::holds_alternative<StandardInput>(source_of("-")));
  for (const char* uri : {"nbd://host", "nbds://host/x", "nbd+unix:///?socket=s"}) {
    EXPECT_TRUE(std::holds_alternative<NbdServer>(source_of(uri))) << uri;
  }
  for (const char* path : {"./-", "disk.raw", "nbd:host:10809", "[", "https://host/disk", "nbd:"}) {
    EXPECT_TRUE(std::holds_alternative<File>(source_of(path))) << path;
  }
}

TEST(Source, HasTheNameThatItWasGiven) {
  EXPECT_EQ(name_of(source_of("-")), "standard input");
  EXPECT_EQ(name_of(source_of("./-")), "./-");
  EXPECT_EQ(name_of(source_of("nbd://host")), "nbd://host");
  EXPECT_EQ(name_of(Program{{"nbdkit", "-r", "null"}}), "[ nbdkit -r null ]");
  EXPECT_EQ(name_of(BlockNode{"{}", {}}), "--blockdev");
}

TEST(Source, OnlyStandardInputCanBeAnnounced) {
  EXPECT_EQ(announced_size(StandardInput{4096}), 4096U);
  EXPECT_EQ(announced_size(StandardInput{}), std::nullopt);
  EXPECT_EQ(announced_size(File{"disk"}), std::nullopt);
}

TEST(Source, WhatIsTakenAsItIs) {
  EXPECT_TRUE(is_taken_as_it_is({File{"disk"}, {}}));
  EXPECT_TRUE(is_taken_as_it_is({File{"disk"}, {.format = "raw"}}));
  EXPECT_TRUE(is_taken_as_it_is({StandardInput{}, {}}));
  EXPECT_FALSE(is_taken_as_it_is({File{"disk"}, {.format = "auto"}}));
  EXPECT_FALSE(is_taken_as_it_is({NbdServer{"nbd://host"}, {}}));
  EXPECT_FALSE(is_taken_as_it_is({BlockNode{"{}", {}}, {}}));
}

}  // namespace
}  // namespace qcow2stream::cli
