// SPDX-License-Identifier: GPL-2.0-or-later

#include "qcow2stream/trace.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <string>
#include <thread>
#include <vector>

#include "system/tell.h"

namespace qcow2stream {
namespace {

class TraceTest : public ::testing::Test {
 protected:
  void listen() {
    set_trace([this](std::string_view line) { lines_.emplace_back(line); });
  }
  void TearDown() override { set_trace({}); }
  std::vector<std::string> lines_;
};

TEST_F(TraceTest, ALineIsToldOnce) {
  listen();
  tell("disk", "io_uring", EPERM, "threads read instead");
  tell("disk", "io_uring", EPERM, "threads read instead");
  tell("disk", "SEEK_DATA", "no answer", "all of it\ncounts");
  ASSERT_EQ(lines_.size(), 2U);
  EXPECT_EQ(lines_[0], "disk: io_uring: operation not permitted; threads read instead");
  EXPECT_EQ(lines_[1], "disk: SEEK_DATA: no answer; all of it\\ncounts");
}

TEST_F(TraceTest, NobodyIsToldWhoDoesNotListen) {
  tell("disk", "io_uring", EPERM, "threads");
  listen();
  set_trace({});
  tell("disk", "io_uring", EPERM, "threads");
  EXPECT_TRUE(lines_.empty());
  // Whoever begins to listen has heard nothing yet.
  listen();
  tell("disk", "io_uring", EPERM, "threads");
  EXPECT_EQ(lines_.size(), 1U);
}

TEST_F(TraceTest, ThreadsTellOneAfterTheOther) {
  listen();
  {
    std::vector<std::jthread> threads;
    threads.reserve(4);
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([] {
        for (int i = 0; i < 200; ++i) tell("disk", std::to_string(i), EPERM, "another");
      });
    }
  }
  EXPECT_EQ(lines_.size(), 200U);
}

}  // namespace
}  // namespace qcow2stream
