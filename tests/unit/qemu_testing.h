// SPDX-License-Identifier: GPL-2.0-or-later
//
// Images that QEMU makes, for tests of what is read from them.

#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "qcow2stream/qcow2stream.h"
#include "system/child.h"
#include "system/fd.h"

namespace qcow2stream::testing {

inline bool installed(const std::string& program) {
  return std::system(("command -v " + program + " >/dev/null 2>&1").c_str()) == 0;
}

// A directory that goes with the object.
class TestDirectory {
 public:
  TestDirectory() {
    std::string path = "/tmp/qcow2stream-XXXXXX";  // short: sockets are made in it
    if (::mkdtemp(path.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
    path_ = path;
  }
  ~TestDirectory() { std::filesystem::remove_all(path_); }
  TestDirectory(const TestDirectory&) = delete;
  TestDirectory& operator=(const TestDirectory&) = delete;

  [[nodiscard]] std::string file(const std::string& name) const { return path_ + "/" + name; }
  // Runs a shell command in the directory, which must succeed.
  void run(const std::string& command) const {
    const std::string whole =
        "cd " + path_ + " && { " + command + "; } >log 2>&1 || { cat log >&2; exit 1; }";
    ASSERT_EQ(std::system(whole.c_str()), 0) << command;
  }

 private:
  std::string path_;
};

// What has changed, without what has not: "0+512c 65536+1024z". Adds a failure where the runs do
// not make up the disk.
inline std::string changed_runs(const Opened& source) {
  std::string text;
  GuestOffset at(0);
  const auto cursor = source.changes->runs();
  while (const auto change = cursor->next()) {
    EXPECT_EQ(change->range.begin, at);
    EXPECT_GT(change->range.length, 0U);
    at = change->range.end();
    if (change->holds == Run::Holds::kBelow) continue;
    text += (text.empty() ? "" : " ") + std::to_string(change->range.begin.value()) + "+" +
            std::to_string(change->range.length) +
            (change->holds == Run::Holds::kZeros ? "z" : "c");
  }
  EXPECT_EQ(at.value(), source.disk->size());
  return text;
}

// The message of the Error that `f` throws.
template <class F>
std::string error_of(F&& f) {
  try {
    f();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

// A storage daemon with a monitor.
class StorageDaemon {
 public:
  StorageDaemon(const TestDirectory& directory, std::vector<std::string> options)
      : child_({.command = command(directory, std::move(options))}),
        monitor_(connect(directory.file("monitor"))) {
    execute(R"({"execute": "qmp_capabilities"})");
  }

  // One command of QMP, which must succeed.
  void execute(const std::string& command) const {
    const std::string line = command + "\n";
    ASSERT_EQ(::write(monitor_.get(), line.data(), line.size()), static_cast<ssize_t>(line.size()));
    std::string answer;
    while (answer.find("\"return\"") == std::string::npos) {
      std::array<char, 4096> bytes{};
      const ssize_t n = ::read(monitor_.get(), bytes.data(), bytes.size());
      ASSERT_GT(n, 0) << answer;
      answer.append(bytes.data(), static_cast<std::size_t>(n));
      ASSERT_EQ(answer.find("\"error\""), std::string::npos) << command << ": " << answer;
    }
  }

 private:
  static std::vector<std::string> command(const TestDirectory& directory,
                                          std::vector<std::string> options) {
    std::vector<std::string> words = {
        "qemu-storage-daemon", "--chardev",
        "socket,id=m,server=on,wait=off,path=" + directory.file("monitor"), "--monitor",
        "chardev=m"};
    words.insert(words.end(), options.begin(), options.end());
    return words;
  }

  UniqueFd connect(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    for (int n = 0; n < 500; ++n) {
      UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
      const auto* generic = reinterpret_cast<const sockaddr*>(&address);
      if (::connect(fd.get(), generic, sizeof address) == 0) return fd;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    throw std::runtime_error("no monitor: " + child_.output());
  }

  Child child_;
  UniqueFd monitor_;
};

}  // namespace qcow2stream::testing
