// SPDX-License-Identifier: GPL-2.0-or-later
//
// What a confined program can still do. tests/tools/try_calls.cc tries.

#include "system/confinement.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "qcow2stream/error.h"
#include "system/child.h"
#include "system/fd.h"

namespace qcow2stream {
namespace {

namespace fs = std::filesystem;

class ConfinementTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string path = ::testing::TempDir() + "/confinement-test-XXXXXX";
    ASSERT_NE(::mkdtemp(path.data()), nullptr);
    directory_ = path;
    for (const std::string& name : {file(), secret()}) std::ofstream(name) << "content";
    try {
      run_to_end({.command = {"true"}, .confinement = Confinement{.file = file()}});
    } catch (const Error& error) {
      GTEST_SKIP() << error.what();
    }
  }
  void TearDown() override { fs::remove_all(directory_); }

  [[nodiscard]] std::string file() const { return directory_ / "file"; }
  [[nodiscard]] std::string secret() const { return directory_ / "secret"; }

  // Each line that try-calls says.
  [[nodiscard]] std::vector<std::string> answers(bool confined) const {
    const UniqueFd low(::open(secret().c_str(), O_RDONLY | O_CLOEXEC));
    const UniqueFd open(::fcntl(low.get(), F_DUPFD, 100));  // not close-on-exec
    ChildSetup setup{
        .command = {TRY_CALLS, file(), secret(), directory_.string(), std::to_string(open.get())}};
    if (confined) setup.confinement = Confinement{.file = file(), .address_space = 1ULL << 30};
    std::istringstream output(run_to_end(setup));
    std::vector<std::string> lines;
    for (std::string line; std::getline(output, line);) lines.push_back(line);
    return lines;
  }

 private:
  fs::path directory_;
};

struct Expected {
  const char* what;
  const char* confined;
  bool free;  // whether anybody can do it otherwise, without rights
};

constexpr Expected kExpected[] = {
    {"read the file", "yes", true},
    {"write the file", "EACCES", true},
    {"truncate the file while opening", "EACCES", true},
    {"truncate the file", "EACCES", true},
    {"change its mode", "EACCES", true},
    {"change its times", "EACCES", true},
    {"change its attributes", "EACCES", false},
    {"read a secret", "EACCES", true},
    {"read a secret by openat2", "ENOSYS", false},
    {"make a file", "EACCES", true},
    {"make a directory", "EACCES", false},
    {"make a link", "EACCES", false},
    {"rename", "EACCES", true},
    {"remove", "EACCES", false},
    {"list a directory", "EACCES", true},
    {"read its own environment", "EACCES", true},
    {"read its parent's memory", "EACCES", false},
    {"open the terminal", "EACCES", false},
    {"make a socket", "EACCES", true},
    {"make a socket", "EACCES", false},
    {"make a socket", "EACCES", false},
    {"make a socket", "EACCES", false},
    {"make a socket", "EACCES", false},
    {"make a pair of sockets", "EACCES", true},
    {"io_uring", "ENOSYS", false},
    {"signal its parent", "EACCES", true},
    {"signal its group", "EACCES", true},
    {"queue a signal", "EACCES", false},
    {"limit its parent", "EACCES", true},
    {"trace its parent", "EACCES", false},
    {"hold its parent", "EACCES", true},
    {"outlive its parent", "EACCES", true},
    {"make a process", "EACCES", true},
    {"make a namespace", "EACCES", false},
    {"shared memory", "EACCES", false},
    {"make a thread", "yes", true},
    {"use a descriptor that nobody gave it", "EBADF", true},
    {"call what is newer", "ENOSYS", false},
    {"other capabilities than to read files", "EPERM", false},
    {"address space", "1073741824", false},
    {"new privileges", "EPERM", true},
};

TEST_F(ConfinementTest, LeavesWhatAReaderNeeds) {
  const auto lines = answers(true);
  ASSERT_EQ(lines.size(), std::size(kExpected));
  for (std::size_t i = 0; i < lines.size(); ++i) {
    EXPECT_EQ(lines[i], std::string(kExpected[i].what) + ": " + kExpected[i].confined);
  }
}

// Otherwise the test above would prove nothing.
TEST_F(ConfinementTest, IsWhatKeepsItFromTheRest) {
  const auto lines = answers(false);
  ASSERT_EQ(lines.size(), std::size(kExpected));
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (!kExpected[i].free) continue;
    EXPECT_EQ(lines[i], std::string(kExpected[i].what) + ": yes");
  }
}

TEST_F(ConfinementTest, SaysWhatIsMissing) {
  const auto start = [](const std::string& program, const std::string& file) {
    run_to_end({.command = {program}, .confinement = Confinement{.file = file}});
  };
  EXPECT_THROW(start("true", secret() + ".not-there"), Error);
  try {
    start("no-such-program", file());
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.error_number(), ENOENT);
    EXPECT_STREQ(error.what(), "no-such-program: cannot be started: no such file or directory");
  }
  EXPECT_EQ(run_to_end({.command = {"true"}, .confinement = Confinement{.file = file()}}), "");
}

TEST_F(ConfinementTest, LimitsTheProcessor) {
  const std::string output =
      run_to_end({.command = {"sh", "-c", "while :; do :; done"},
                  .confinement = Confinement{.file = file(), .cpu_seconds = 1}});
  EXPECT_NE(output.find("sh: ended by signal"), std::string::npos) << output;
}

}  // namespace
}  // namespace qcow2stream
