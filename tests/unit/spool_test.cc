// SPDX-License-Identifier: GPL-2.0-or-later

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "qcow2stream/error.h"
#include "spool/spool_file.h"

namespace qcow2stream {
namespace {

constexpr std::uint64_t kBlock = 4096;

std::vector<std::byte> filled(std::size_t size, int value = 1) {
  std::vector<std::byte> bytes(size);
  std::ranges::fill(bytes, static_cast<std::byte>(value));
  return bytes;
}

std::vector<std::byte> content(const UniqueFd& fd) {
  struct stat status {};
  EXPECT_EQ(::fstat(fd.get(), &status), 0);
  std::vector<std::byte> bytes(static_cast<std::size_t>(status.st_size));
  EXPECT_EQ(::pread(fd.get(), bytes.data(), bytes.size(), 0), status.st_size);
  return bytes;
}

std::uint64_t allocated(const UniqueFd& fd) {
  ::fsync(fd.get());  // some file systems decide only now
  struct stat status {};
  EXPECT_EQ(::fstat(fd.get(), &status), 0);
  return static_cast<std::uint64_t>(status.st_blocks) * 512;
}

TEST(Spool, ZerosBecomeHoles) {
  SpoolFile spool(::testing::TempDir());
  std::vector<std::byte> bytes(1000 * kBlock);
  for (const std::size_t block : {0U, 500U, 501U, 999U}) bytes[block * kBlock + 17] = std::byte{1};
  spool.write(0, bytes);
  spool.resize(bytes.size());
  const UniqueFd fd = std::move(spool).release();
  EXPECT_EQ(content(fd), bytes);
  EXPECT_LE(allocated(fd), 16 * kBlock);
}

TEST(Spool, ZerosAtTheEndCountAsSize) {
  SpoolFile spool(::testing::TempDir());
  spool.write(0, filled(10));
  spool.write(10, filled(5 << 20, 0));
  spool.resize((5 << 20) + 10);
  const UniqueFd fd = std::move(spool).release();
  EXPECT_EQ(content(fd).size(), (5U << 20) + 10);
  EXPECT_LE(allocated(fd), 8 * kBlock);
}

TEST(Spool, OddPiecesMakeTheWhole) {
  std::mt19937 random(1);  // NOLINT(cert-msc51-cpp): the same pieces every time
  for (int round = 0; round < 20; ++round) {
    std::vector<std::byte> bytes(random() % 300'000);
    for (std::size_t at = 0; at < bytes.size();) {
      const std::size_t n = std::min<std::size_t>(bytes.size() - at, random() % 20'000);
      const bool data = random() % 2 == 0;
      std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), n, std::byte{data});
      at += n;
    }
    SpoolFile spool(::testing::TempDir());
    for (std::size_t at = 0; at < bytes.size();) {
      const std::size_t n = std::min<std::size_t>(bytes.size() - at, random() % 50'000);
      spool.write(at, std::span(bytes).subspan(at, n));
      at += n;
    }
    spool.resize(bytes.size());
    EXPECT_EQ(content(std::move(spool).release()), bytes);
  }
}

TEST(Spool, HasNoName) {
  std::string directory = ::testing::TempDir() + "/spool-test-XXXXXX";
  ASSERT_NE(::mkdtemp(directory.data()), nullptr);
  {
    SpoolFile spool(directory);
    spool.write(0, filled(100));
    EXPECT_TRUE(std::filesystem::is_empty(directory));
  }
  EXPECT_EQ(::rmdir(directory.c_str()), 0);
}

// What the constructor or a write of 1 MiB says in this directory.
std::string error_in(const std::string& directory) {
  try {
    SpoolFile(directory).write(0, filled(1 << 20));
  } catch (const Error& error) {
    EXPECT_EQ(error.name(), directory);
    return error.what();
  }
  return "";
}

TEST(Spool, ErrorsNameTheDirectory) {
  EXPECT_EQ(error_in("/nonexistent"),
            "/nonexistent: cannot hold a spool file: no such file or directory");
  EXPECT_EQ(error_in("/dev/null"), "/dev/null: cannot hold a spool file: not a directory");
}

TEST(Spool, AFileThatMayNotBeSoLargeIsAnError) {
  const auto write_too_much = [] {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{.rlim_cur = 100'000, .rlim_max = RLIM_INFINITY};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    std::fputs(error_in("/tmp").c_str(), stderr);
    std::_Exit(0);
  };
  EXPECT_EXIT(write_too_much(), ::testing::ExitedWithCode(0), "/tmp: write failed: file too large");
}

TEST(Spool, AFullFileSystemIsAnError) {
  std::optional<std::string> message;
  // A thread may see another tree of mounts than the rest of the process.
  std::jthread([&message] {
    if (::unshare(CLONE_NEWNS) == 0 &&
        ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
        ::mount("tmpfs", "/mnt", "tmpfs", 0, "size=64k") == 0) {
      message = error_in("/mnt");
    }
  }).join();
  if (!message) GTEST_SKIP() << "needs root: a small file system";
  EXPECT_EQ(message, "/mnt: write failed: no space left on device");
}

}  // namespace
}  // namespace qcow2stream
