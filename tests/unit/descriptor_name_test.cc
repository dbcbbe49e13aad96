// SPDX-License-Identifier: GPL-2.0-or-later

#include "system/descriptor_name.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "qemu_testing.h"
#include "system/fd.h"

namespace qcow2stream {
namespace {

TEST(DescriptorName, OnlyLinksOfProc) {
  const testing::TestDirectory directory;
  directory.run("echo x > file; ln -s file link; ln -s /dev/stdin input; ln -s input again");
  directory.run("ln -s loop loop; ln -s /proc/self/fd descriptors");
  for (const char* name : {"file", "link", "loop", "missing"}) {
    EXPECT_FALSE(names_descriptor(directory.file(name))) << name;
  }
  for (const char* name : {"input", "again", "descriptors/0"}) {
    EXPECT_TRUE(names_descriptor(directory.file(name))) << name;
  }
  EXPECT_TRUE(names_descriptor("/dev/fd/0"));
  EXPECT_TRUE(names_descriptor("/proc/self/fd/0"));
  EXPECT_FALSE(names_descriptor("/proc/self/status"));
  EXPECT_FALSE(names_descriptor("/dev/null"));
  EXPECT_FALSE(names_descriptor(""));
}

TEST(DescriptorName, NameForOthers) {
  const testing::TestDirectory directory;
  directory.run("echo x > file; ln -s file link");
  const UniqueFd fd(::open(directory.file("link").c_str(), O_RDONLY | O_CLOEXEC));
  const std::string name = fmt::format("/proc/self/fd/{}", fd.get());
  EXPECT_EQ(name_behind_descriptor(name), std::filesystem::canonical(directory.file("file")));
  // Another file has taken its name.
  directory.run("echo y > other; mv other file");
  EXPECT_EQ(name_behind_descriptor(name), "");
  directory.run("rm file");
  EXPECT_EQ(name_behind_descriptor(name), "");
}

}  // namespace
}  // namespace qcow2stream
