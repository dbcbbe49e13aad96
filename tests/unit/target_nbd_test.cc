// SPDX-License-Identifier: GPL-2.0-or-later
//
// Servers as targets, served by nbdkit.

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <chrono>
#include <filesystem>
#include <thread>

#include "qcow2stream/error.h"
#include "qcow2stream/target.h"
#include "system/child.h"
#include "target/held_ends.h"
#include "target_testing.h"

namespace qcow2stream {
namespace {

using testing::Bytes;
using testing::error_of;
using testing::kMiB;
using testing::random_bytes;
using testing::read_file;
using testing::read_target;

class NbdTargetTest : public ::testing::Test {
 protected:
  static constexpr std::uint64_t kSize = 8 * kMiB;

  void SetUp() override {
    if (!testing::installed("nbdkit")) GTEST_SKIP() << "nbdkit is not installed";
    file_ = directory_.file("disk");
    testing::write_file(file_, random_bytes(kSize, 1));
  }

  // Serves with these words of nbdkit's. The URI is of the last server.
  Child serve(const std::vector<std::string>& words) {
    const std::string socket = directory_.file("socket" + std::to_string(++servers_));
    const std::string ready = socket + ".pid";  // made when it listens
    uri_ = "nbd+unix:///?socket=" + socket;
    std::vector<std::string> command = {"nbdkit", "-f", "-U", socket, "-P", ready};
    command.insert(command.end(), words.begin(), words.end());
    Child child({.command = command});
    for (int n = 0; n < 500 && !std::filesystem::exists(ready); ++n) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return child;
  }
  Child serve_file(const std::vector<std::string>& filters) {
    std::vector<std::string> words;
    std::vector<std::string> parameters;
    for (const std::string& word : filters) {
      (word.starts_with("-") ? words : parameters).push_back(word);
    }
    words.insert(words.end(), {"file", file_});
    words.insert(words.end(), parameters.begin(), parameters.end());
    return serve(words);
  }

  // Writes and zeroes here and there, then looks at the file.
  void write_and_check(const NbdOptions& nbd = {}) {
    const auto target = open_nbd_target(uri_, {}, nbd);
    Bytes wanted = read_file(file_);
    target->set_size(kSize);
    const auto write = [&](std::uint64_t begin, std::uint64_t length) {
      const Bytes bytes = random_bytes(length, static_cast<unsigned>(begin + 17));
      target->write(GuestOffset(begin), bytes);
      std::ranges::copy(bytes, wanted.begin() + static_cast<std::ptrdiff_t>(begin));
    };
    const auto zero = [&](std::uint64_t begin, std::uint64_t length) {
      target->zero({GuestOffset(begin), length});
      std::fill_n(wanted.begin() + static_cast<std::ptrdiff_t>(begin), length, std::byte{0});
    };
    write(0, 3 * kMiB);
    zero(kMiB - 10, 1'000'000);
    write(kMiB, 100);
    write(kMiB + 100, 100);
    zero(kMiB + 150, 1);
    zero(5 * kMiB, 2 * kMiB);
    write(kSize - 1, 1);
    for (std::uint64_t at = 6 * kMiB; at < 6 * kMiB + 10'000; at += 100) {
      at % 200 == 0 ? write(at, 100) : zero(at, 100);
    }
    EXPECT_EQ(read_target(*target, 0, kSize), wanted);
    EXPECT_EQ(read_target(*target, kMiB + 99, 3),
              Bytes(wanted.begin() + kMiB + 99, wanted.begin() + kMiB + 102));
    target->finish();
    target->drop_cache();
    EXPECT_EQ(read_target(*target, 0, kSize), wanted);
    EXPECT_EQ(read_file(file_), wanted);
  }

  testing::TestDirectory directory_;
  std::string file_;
  std::string uri_;
  int servers_ = 0;
};

TEST_F(NbdTargetTest, WritesAndZerosReachTheServer) {
  const Child server = serve_file({});
  const auto traits = open_nbd_target(uri_)->traits();
  EXPECT_EQ(traits.size, kSize);
  EXPECT_TRUE(traits.can_be_read);
  EXPECT_TRUE(traits.keeps_failures);
  EXPECT_FALSE(traits.reads_as_zeros);
  write_and_check();
}

TEST_F(NbdTargetTest, OneConnectionWithOneRequest) {
  const Child server = serve_file({});
  write_and_check({.connections = 1, .requests = 1});
}

TEST_F(NbdTargetTest, AServerThatTakesOneConnectionOnly) {
  const Child server = serve_file({"--filter=multi-conn", "multi-conn-mode=disable"});
  write_and_check();
}

TEST_F(NbdTargetTest, AServerWithoutZeros) {
  const Child server = serve_file({"--filter=nozero"});
  write_and_check();
}

TEST_F(NbdTargetTest, AServerThatAnswersInAnyOrder) {
  const Child server = serve_file({"--filter=delay", "wdelay=3ms", "delay-zero=1ms"});
  write_and_check();
}

TEST_F(NbdTargetTest, AServerThatTakesBlocksOnly) {
  for (const char* block : {"512", "4096", "65536"}) {
    const Child server = serve_file(
        {"--filter=blocksize-policy", std::string("blocksize-minimum=") + block,
         "blocksize-preferred=65536", "blocksize-maximum=128k", "blocksize-error-policy=error"});
    write_and_check();
    EXPECT_EQ(open_nbd_target(uri_)->traits().block_size, 65'536U);
  }
}

TEST_F(NbdTargetTest, ZerosTakeNoSpace) {
  const Child server = serve_file({});
  const auto target = open_nbd_target(uri_);
  target->set_size(kSize);
  target->zero({GuestOffset(kMiB), 6 * kMiB});
  target->finish();
  EXPECT_LT(testing::allocated_bytes(file_), 3 * kMiB);
}

TEST_F(NbdTargetTest, AReadOnlyServerIsRefusedUnlessItIsOnlyCompared) {
  const Child server = serve_file({"-r"});
  EXPECT_EQ(error_of([&] { open_nbd_target(uri_); }),
            uri_ + ": cannot be written: the server lets nobody write to it");
  const auto target = open_nbd_target(uri_, {.use = TargetUse::kReadOnly});
  EXPECT_EQ(read_target(*target, 0, kSize), random_bytes(kSize, 1));
  target->finish();
}

TEST_F(NbdTargetTest, ASmallerServerIsRefused) {
  const Child server = serve({"memory", "1M"});
  const auto target = open_nbd_target(uri_);
  EXPECT_EQ(error_of([&] { target->set_size(kMiB + 512); }),
            uri_ + ": is too small: the disk has 1049088 bytes, there is room for 1048576");
}

TEST_F(NbdTargetTest, AServerWithoutASizeIsRefused) {
  const Child server = serve({"null", "0"});
  EXPECT_EQ(error_of([&] { open_nbd_target(uri_); }),
            uri_ + ": is empty: the export has no size: nothing is attached to it");
}

TEST_F(NbdTargetTest, ErrorsOfWritesHaveTheirOffset) {
  const Child server =
      serve_file({"--filter=error", "error-pwrite=ENOSPC", "error-pwrite-rate=100%"});
  const auto target = open_nbd_target(uri_);
  target->set_size(kSize);
  try {
    target->write(GuestOffset(kMiB), random_bytes(1000, 1));
    target->finish();
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.what(), uri_ + ": write failed at offset 1048576: no space left on device");
    EXPECT_EQ(error.subject(), ErrorSubject::kTarget);
    EXPECT_EQ(error.offset(), kMiB);
  }
  // All others fail, too.
  EXPECT_THROW(target->write(GuestOffset(0), random_bytes(1000, 1)), Error);
  EXPECT_THROW(target->flush(), Error);
}

TEST_F(NbdTargetTest, ErrorsOfOtherRequests) {
  {
    const Child server = serve_file({"--filter=error", "error-zero=EIO", "error-zero-rate=100%"});
    const auto target = open_nbd_target(uri_);
    EXPECT_EQ(error_of([&] {
                target->zero({GuestOffset(kMiB), kMiB});
              }),
              uri_ + ": write failed at offset 1048576: input/output error");
  }
  {
    const Child server = serve_file({"--filter=error", "error-pread=EIO", "error-pread-rate=100%"});
    const auto target = open_nbd_target(uri_);
    EXPECT_EQ(error_of([&] { read_target(*target, 512, 512); }),
              uri_ + ": read at offset 512 failed: input/output error");
  }
  {
    const Child server =
        serve({"eval", "get_size=echo 8M", "pwrite=cat >/dev/null", "can_flush=exit 0",
               "pread=exit 0", "flush=echo EIO failed >&2; exit 1"});
    const auto target = open_nbd_target(uri_);
    target->write(GuestOffset(kMiB), random_bytes(1000, 1));
    EXPECT_EQ(error_of([&] { target->flush(); }), uri_ + ": flush failed: input/output error");
  }
}

TEST_F(NbdTargetTest, AServerThatGoesAwayIsAnError) {
  std::optional<Child> server(serve_file({"--filter=delay", "wdelay=60"}));
  const auto target = open_nbd_target(uri_);
  target->write(GuestOffset(0), random_bytes(kMiB, 1));
  server.reset();
  EXPECT_THROW(target->finish(), Error);
}

TEST_F(NbdTargetTest, ASilentServerIsGivenUp) {
  const Child server = serve_file({"--filter=delay", "wdelay=60"});
  const auto target = open_nbd_target(uri_, {}, {.timeout = std::chrono::seconds(1)});
  target->write(GuestOffset(0), random_bytes(kMiB, 1));
  EXPECT_EQ(error_of([&] { target->finish(); }),
            uri_ + ": given up: the server has not answered for 1 seconds");
}

TEST_F(NbdTargetTest, AnAbandonedTargetWaitsForNobody) {
  const Child server = serve_file({"--filter=delay", "wdelay=60"});
  open_nbd_target(uri_)->write(GuestOffset(0), random_bytes(kMiB, 1));
}

TEST_F(NbdTargetTest, SeveralThreadsWriteBesideEachOther) {
  const Child server = serve_file(
      {"--filter=blocksize-policy", "blocksize-minimum=4096", "blocksize-error-policy=error"});
  const auto target = open_nbd_target(uri_);
  target->set_size(kSize);
  Bytes disk = random_bytes(kSize, 2);
  constexpr std::uint64_t kPiece = 30'001;
  for (std::uint64_t n = 0; n * kPiece < kSize; n += 3) {
    std::fill_n(disk.begin() + static_cast<std::ptrdiff_t>(n * kPiece),
                std::min(kPiece, kSize - n * kPiece), std::byte{0});
  }
  {
    std::vector<std::jthread> threads;
    for (std::uint64_t first = 0; first < 4; ++first) {
      threads.emplace_back([&, first] {
        for (std::uint64_t n = first; n * kPiece < kSize; n += 4) {
          const std::uint64_t begin = n * kPiece;
          const std::uint64_t length = std::min(kPiece, kSize - begin);
          if (n % 3 == 0) {
            target->zero({GuestOffset(begin), length});
          } else {
            target->write(GuestOffset(begin), std::span(disk).subspan(begin, length));
          }
        }
      });
    }
  }
  target->finish();
  EXPECT_EQ(read_file(file_), disk);
}

TEST_F(NbdTargetTest, HeldEndsOfAServer) {
  const Child server = serve_file(
      {"--filter=blocksize-policy", "blocksize-minimum=4096", "blocksize-error-policy=error"});
  const auto target = open_nbd_target(uri_);
  HeldEnds held(*target);
  held.set_size(kSize - 512);
  const Bytes blank = read_file(file_);
  EXPECT_EQ(Bytes(blank.begin(), blank.begin() + kMiB), Bytes(kMiB));
  EXPECT_EQ(Bytes(blank.end() - kMiB, blank.end()), Bytes(kMiB));
  Bytes wanted = random_bytes(kSize, 1);
  const Bytes disk = random_bytes(kSize - 512, 2);
  held.write(GuestOffset(0), disk);
  held.finish();
  std::ranges::copy(disk, wanted.begin());
  EXPECT_EQ(read_file(file_), wanted);
}

}  // namespace
}  // namespace qcow2stream
