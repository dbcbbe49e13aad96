// SPDX-License-Identifier: GPL-2.0-or-later

#include "system/temporary_name.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>

#include "system/fd.h"

namespace qcow2stream {
namespace {

namespace fs = std::filesystem;

class TemporaryNameTest : public ::testing::Test {
 public:
  TemporaryNameTest() {
    std::string path = fs::temp_directory_path() / "temporary-name.XXXXXX";
    directory_ = ::mkdtemp(path.data());
  }
  ~TemporaryNameTest() override { fs::remove_all(directory_); }

 protected:
  [[nodiscard]] TemporaryName file(const std::string& name) const {
    return TemporaryName([&] {
      const std::string path = directory_ / name;
      const UniqueFd fd(::open(path.c_str(), O_CREAT | O_EXCL | O_WRONLY, 0600));
      return fd ? path : std::string();
    });
  }
  [[nodiscard]] TemporaryName subdirectory(const std::string& name) const {
    return TemporaryName([&] {
      fs::create_directory(directory_ / name);
      return std::string(directory_ / name);
    });
  }
  [[nodiscard]] bool has(const std::string& name) const { return fs::exists(directory_ / name); }

  fs::path directory_;
};

TEST_F(TemporaryNameTest, GoesAwayWithItsObject) {
  {
    const TemporaryName directory = subdirectory("d");
    const TemporaryName inside = file("d/f");
    EXPECT_TRUE(has("d/f"));
    errno = EEXIST;
  }
  EXPECT_EQ(errno, EEXIST);
  EXPECT_FALSE(has("d"));
}

TEST_F(TemporaryNameTest, StaysIfKept) {
  {
    TemporaryName name = file("f");
    name.keep();
  }
  EXPECT_TRUE(has("f"));
}

TEST_F(TemporaryNameTest, WhatItHasNotMadeStays) {
  file("f").keep();
  EXPECT_EQ(file("f").path(), "");
  EXPECT_TRUE(has("f"));
}

TEST_F(TemporaryNameTest, MovesWithoutASecondRemoval) {
  TemporaryName first = file("f");
  TemporaryName second = std::move(first);
  first = file("g");
  EXPECT_EQ(second.path(), directory_ / "f");
  first = std::move(second);
  second = TemporaryName();
  EXPECT_TRUE(has("f"));
  EXPECT_FALSE(has("g"));
}

// In a process of its own: nobody makes another name afterwards.
TEST_F(TemporaryNameTest, GoesAwayBeforeAnEnd) {
  const pid_t child = ::fork();
  if (child == 0) {
    const TemporaryName directory = subdirectory("d");
    const TemporaryName inside = file("d/f");
    TemporaryName kept = file("g");
    kept.keep();
    const bool were_there = fs::exists(inside.path()) && fs::exists(directory.path());
    remove_temporary_names();
    ::_exit(were_there && !has("d") ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_TRUE(has("g"));
}

}  // namespace
}  // namespace qcow2stream
