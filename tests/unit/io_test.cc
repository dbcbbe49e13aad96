// SPDX-License-Identifier: GPL-2.0-or-later
//
// Reads and writes that signals and pipes cut short.

#include "system/io.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <thread>
#include <utility>
#include <vector>

#include "system/fd.h"

namespace qcow2stream {
namespace {

// More than a pipe holds.
constexpr std::size_t kSize = 300'000;

std::vector<std::byte> numbered_bytes() {
  std::vector<std::byte> bytes(kSize);
  for (std::size_t i = 0; i < kSize; ++i) bytes[i] = static_cast<std::byte>(i % 251);
  return bytes;
}

std::pair<UniqueFd, UniqueFd> open_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return {};
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

// Interrupts the process every millisecond, and no call starts again by itself.
class Interruptions {
 public:
  Interruptions() {
    struct sigaction action {};
    action.sa_handler = [](int) {};
    ::sigaction(SIGALRM, &action, &before_);
    const itimerval often{.it_interval = {.tv_sec = 0, .tv_usec = 1000},
                          .it_value = {.tv_sec = 0, .tv_usec = 1000}};
    ::setitimer(ITIMER_REAL, &often, nullptr);
  }
  ~Interruptions() {
    const itimerval never{};
    ::setitimer(ITIMER_REAL, &never, nullptr);
    ::sigaction(SIGALRM, &before_, nullptr);
  }
  Interruptions(const Interruptions&) = delete;
  Interruptions& operator=(const Interruptions&) = delete;

 private:
  struct sigaction before_ {};
};

TEST(Io, SignalsAndShortCallsCutNothingOff) {
  auto [out, in] = open_pipe();
  const auto bytes = numbered_bytes();
  // Only the thread of the test is interrupted; this one gives and takes slowly.
  std::jthread writer([&bytes, end = std::move(in)] {
    sigset_t all;
    sigfillset(&all);
    ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
    for (std::size_t at = 0; at < kSize;) {
      const auto piece = std::span(bytes).subspan(at, std::min<std::size_t>(20'000, kSize - at));
      std::this_thread::sleep_for(std::chrono::milliseconds(3));
      at += write_full(end.get(), piece).bytes;
    }
  });
  const Interruptions often;
  std::vector<std::byte> read(kSize + 1);
  const Moved moved = read_full(out.get(), read);
  EXPECT_EQ(moved.error, 0);
  ASSERT_EQ(moved.bytes, kSize);
  read.resize(kSize);
  EXPECT_EQ(read, bytes);
}

TEST(Io, AWriteIsCompleteHoweverSlowTheReader) {
  auto [out, in] = open_pipe();
  const auto bytes = numbered_bytes();
  std::vector<std::byte> read(kSize);
  std::jthread reader([&read, end = std::move(out)] {
    sigset_t all;
    sigfillset(&all);
    ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
    for (std::size_t at = 0; at < kSize;) {
      std::this_thread::sleep_for(std::chrono::milliseconds(3));
      const auto piece = std::span(read).subspan(at, std::min<std::size_t>(20'000, kSize - at));
      at += read_full(end.get(), piece).bytes;
    }
  });
  {
    const Interruptions often;
    const Moved moved = write_full(in.get(), bytes);
    EXPECT_EQ(moved.error, 0);
    EXPECT_EQ(moved.bytes, kSize);
  }
  reader.join();
  EXPECT_EQ(read, bytes);
}

TEST(Io, OffsetsLeaveThePositionAlone) {
  const UniqueFd file(::memfd_create("io", MFD_CLOEXEC));
  const auto bytes = numbered_bytes();
  EXPECT_EQ(write_full_at(file.get(), 1000, bytes).bytes, kSize);
  std::vector<std::byte> read(kSize);
  EXPECT_EQ(read_full_at(file.get(), 1000, read).bytes, kSize);
  EXPECT_EQ(read, bytes);
  EXPECT_EQ(::lseek(file.get(), 0, SEEK_CUR), 0);
  // The end of the file is no error.
  const Moved beyond = read_full_at(file.get(), kSize, read);
  EXPECT_EQ(beyond.bytes, 1000U);
  EXPECT_EQ(beyond.error, 0);
}

TEST(Io, AnErrorSaysHowFarItCame) {
  auto [out, in] = open_pipe();
  ASSERT_EQ(::fcntl(in.get(), F_SETFL, O_NONBLOCK), 0);
  const auto bytes = numbered_bytes();
  const Moved moved = write_full(in.get(), bytes);
  EXPECT_EQ(moved.error, EAGAIN);
  EXPECT_GT(moved.bytes, 0U);
  EXPECT_LT(moved.bytes, kSize);
  std::array<std::byte, 1> one{};
  EXPECT_EQ(read_full(-1, one).error, EBADF);
}

}  // namespace
}  // namespace qcow2stream
