// SPDX-License-Identifier: GPL-2.0-or-later
//
// Limits of control groups, by files that were made for the purpose.

#include "system/memory_limit.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "testing.h"

namespace qcow2stream {
namespace {

namespace fs = std::filesystem;
using testing::kMiB;

class MemoryLimitTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "memory-limit.XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    root_ = name;
    machine_ = memory_limit(roots());
  }
  void TearDown() override { fs::remove_all(root_); }

  [[nodiscard]] SystemRoots roots() const {
    return {.sys = root_ / "sys", .proc = root_ / "proc", .dev = ""};
  }
  void write(const fs::path& name, const std::string& text) const {
    fs::create_directories((root_ / name).parent_path());
    std::ofstream(root_ / name) << text << "\n";
  }
  void groups(const std::string& text) const { write("proc/self/cgroup", text); }
  [[nodiscard]] std::uint64_t limit() const { return memory_limit(roots()); }

  fs::path root_;
  std::uint64_t machine_ = 0;  // what there is without any limit
};

TEST_F(MemoryLimitTest, WithoutGroupsItIsTheMachines) {
  EXPECT_GT(machine_, 16 * kMiB);
  EXPECT_LT(machine_, UINT64_MAX);
  groups("0::/");
  EXPECT_EQ(limit(), machine_);
}

TEST_F(MemoryLimitTest, Version2TakesTheLeastOfAllAbove) {
  groups("0::/a.slice/b.service/c");
  write("sys/fs/cgroup/a.slice/b.service/c/memory.max", "max");
  EXPECT_EQ(limit(), machine_);
  write("sys/fs/cgroup/a.slice/b.service/memory.max", std::to_string(9 * kMiB));
  EXPECT_EQ(limit(), 9 * kMiB);
  write("sys/fs/cgroup/a.slice/memory.max", std::to_string(5 * kMiB));
  EXPECT_EQ(limit(), 5 * kMiB);
  write("sys/fs/cgroup/a.slice/b.service/c/memory.max", std::to_string(7 * kMiB));
  EXPECT_EQ(limit(), 5 * kMiB);
  // Of others.
  write("sys/fs/cgroup/a.slice/d.service/memory.max", "1");
  write("sys/fs/cgroup/b.service/memory.max", "1");
  EXPECT_EQ(limit(), 5 * kMiB);
}

TEST_F(MemoryLimitTest, InAContainerTheTopIsItsOwn) {
  write("sys/fs/cgroup/memory.max", std::to_string(8 * kMiB));
  for (const char* group : {"0::/", "0::/docker/abc", "0::/../..", "0::/../other"}) {
    groups(group);
    EXPECT_EQ(limit(), 8 * kMiB) << group;
  }
}

TEST_F(MemoryLimitTest, Version1HasAHierarchyOfMemory) {
  groups("9:cpu,cpuacct:/x\n7:blkio,memory:/docker/abc\n0::/system.slice");
  write("sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes", std::to_string(6 * kMiB));
  write("sys/fs/cgroup/memory/docker/memory.limit_in_bytes", "9223372036854771712");
  EXPECT_EQ(limit(), 6 * kMiB);
  // A container that sees only its own part.
  fs::remove_all(root_ / "sys/fs/cgroup/memory/docker");
  write("sys/fs/cgroup/memory/memory.limit_in_bytes", std::to_string(4 * kMiB));
  EXPECT_EQ(limit(), 4 * kMiB);
  // Of another controller.
  groups("7:memory_x:/docker/abc");
  EXPECT_EQ(limit(), machine_);
}

TEST_F(MemoryLimitTest, NonsenseLimitsNothing) {
  write("sys/fs/cgroup/memory.max", "12 apples");
  for (const char* text : {"", ":", "::", "0:", "nonsense", "0::", "0::relative/path", "0::////"}) {
    groups(text);
    EXPECT_EQ(limit(), machine_) << text;
  }
}

}  // namespace
}  // namespace qcow2stream
