// SPDX-License-Identifier: GPL-2.0-or-later
//
// What a child writes is kept, but not more than is wanted, and the child never waits.

#include "system/child_output.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <string>

#include "system/child.h"

namespace qcow2stream {
namespace {

void write_all(int fd, const std::string& text) {
  ASSERT_EQ(::write(fd, text.data(), text.size()), static_cast<ssize_t>(text.size()));
}

TEST(ChildOutput, WhatWasWrittenBeforeTheCallIsThere) {
  ChildOutput output(100);
  EXPECT_EQ(output.text(), "");
  for (int n = 0; n < 200; ++n) {
    const std::uint64_t before = output.written();
    write_all(output.write_end(), "line " + std::to_string(n));
    ASSERT_EQ(output.text(before), "line " + std::to_string(n));
  }
}

TEST(ChildOutput, TheLastBytesAreKept) {
  ChildOutput output(1000);
  std::string all;
  for (int n = 0; n < 5000; ++n) {
    const std::string line = std::to_string(n) + "\n";
    write_all(output.write_end(), line);
    all += line;
  }
  EXPECT_EQ(output.written(), all.size());
  const std::string kept = output.text();
  EXPECT_GE(kept.size(), 1000U);
  EXPECT_LE(kept.size(), 70'000U);
  EXPECT_TRUE(all.ends_with(kept));
  EXPECT_EQ(output.text(all.size() - 10), all.substr(all.size() - 10));
  EXPECT_EQ(output.text(all.size()), "");
  EXPECT_EQ(output.text(all.size() + 10), "");
}

TEST(ChildOutput, NobodyWaitsForAReader) {
  ChildOutput output(1000);
  // Many times what a pipe holds.
  write_all(output.write_end(), std::string(10U << 20, 'x') + "end");
  EXPECT_TRUE(output.text().ends_with("xend"));
  output.close_write_end();
  EXPECT_TRUE(output.text().ends_with("xend"));
}

TEST(Child, FloodsAndEnds) {
  const std::string output =
      run_to_end({.command = {"sh", "-c", "yes | head -c 5000000; echo done >&2"}});
  EXPECT_TRUE(output.ends_with("y\ndone"));
  EXPECT_GE(output.size(), 1U << 20);
  EXPECT_LE(output.size(), 3U << 20);
}

TEST(Child, OutputOfOneThatRuns) {
  const Child child({.command = {"sh", "-c", "echo begin; yes >&2"}, .most_output = 4096});
  while (child.output_written() < 1'000'000) ::usleep(1000);
  EXPECT_TRUE(child.output().ends_with("y\ny"));
  EXPECT_LE(child.output().size(), 100'000U);
}

// What a child of the child still holds does not keep us.
TEST(Child, GrandchildKeepsTheOutput) {
  Child child({.command = {"sh", "-c", "sleep 20 & echo $!"}});
  EXPECT_EQ(child.wait(), 0);
  EXPECT_NE(child.output(), "");
  ::kill(std::stoi(child.output()), SIGKILL);
}

}  // namespace
}  // namespace qcow2stream
