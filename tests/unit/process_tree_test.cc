// SPDX-License-Identifier: GPL-2.0-or-later
//
// Processes that are ended together.

#include "system/process_tree.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>

namespace qcow2stream {
namespace {

std::array<int, 2> make_pipe() {
  std::array<int, 2> ends{};
  EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  return ends;
}

constexpr int kIdlers = 40;

// A child with children of its own, which all only wait, but the last of them: that one reads from
// a pipe whose writing end the first one has, and tells when it sees the end.
pid_t start_family(int told) {
  const pid_t child = ::fork();
  if (child != 0) return child;
  const auto between = make_pipe();
  for (int i = 0; i < kIdlers; ++i) {
    if (::fork() == 0) {
      ::close(between[1]);
      for (;;) ::pause();
    }
  }
  if (::fork() == 0) {
    ::close(between[1]);
    char byte = 'r';  // all are there
    static_cast<void>(!::write(told, &byte, 1));
    byte = 'e';
    if (::read(between[0], &byte, 1) == 0) static_cast<void>(!::write(told, &byte, 1));
    ::_exit(0);
  }
  for (;;) ::pause();
}

TEST(ProcessTree, NoneSeesAnotherEnd) {
  for (int round = 0; round < 6; ++round) {
    const auto told = make_pipe();
    const pid_t child = start_family(told[1]);
    ::close(told[1]);
    char byte = 0;
    ASSERT_EQ(::read(told[0], &byte, 1), 1);
    const auto all = descendants();
    EXPECT_EQ(all.size(), kIdlers + 2U);
    EXPECT_EQ(all.front(), child);
    signal_descendants(SIGTERM, child);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFSIGNALED(status));
    EXPECT_EQ(WTERMSIG(status), SIGTERM);
    // Nobody has the writing end any more, and nobody has written.
    EXPECT_EQ(::read(told[0], &byte, 1), 0) << byte;
    ::close(told[0]);
  }
}

TEST(ProcessTree, NobodyIsNobody) {
  EXPECT_TRUE(descendants().empty());
  signal_descendants(SIGKILL, 0);
}

}  // namespace
}  // namespace qcow2stream
