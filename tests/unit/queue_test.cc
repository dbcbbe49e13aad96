// SPDX-License-Identifier: GPL-2.0-or-later
//
// Both request queues of a file, the same tests for each.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "disk/file/queues.h"
#include "qcow2stream/error.h"
#include "system/fd.h"

namespace qcow2stream {
namespace {

constexpr unsigned kDepth = 8;
constexpr std::size_t kSize = 5'000'003;

using MakeQueue = std::unique_ptr<RequestQueue> (*)(const ReadTarget&, unsigned);

class QueueTest : public ::testing::TestWithParam<MakeQueue> {
 protected:
  void SetUp() override {
    std::string path = ::testing::TempDir() + "/queue-test-XXXXXX";
    fd_ = UniqueFd(::mkostemp(path.data(), O_CLOEXEC));
    ASSERT_TRUE(fd_);
    ::unlink(path.c_str());
    for (std::size_t i = 0; i < kSize; ++i) bytes_.push_back(static_cast<std::byte>(i * i % 253));
    ASSERT_EQ(::write(fd_.get(), bytes_.data(), kSize), static_cast<ssize_t>(kSize));
    queue_ = make(fd_.get());
    if (queue_ == nullptr) GTEST_SKIP() << "io_uring is not allowed here";
  }

  std::unique_ptr<RequestQueue> make(int fd) {
    return GetParam()({.name = name_, .fd = fd, .size = kSize}, kDepth);
  }

  std::string name_ = "disk";
  UniqueFd fd_;
  std::vector<std::byte> bytes_;
  std::unique_ptr<RequestQueue> queue_;
};

TEST_P(QueueTest, ReadsWhatIsThereInAnyOrder) {
  std::mt19937 random(1);  // NOLINT(cert-msc51-cpp): the same reads every time
  struct Read {
    std::uint64_t offset = 0;
    std::vector<std::byte> buffer;
  };
  std::vector<Read> reads(kDepth);
  std::vector<std::uint64_t> free;
  for (std::uint64_t tag = 0; tag < kDepth; ++tag) free.push_back(tag);
  for (int n = 0; n < 2000; ++n) {
    // Not in the page cache now and then.
    if (n % 100 == 0) ::posix_fadvise(fd_.get(), 0, 0, POSIX_FADV_DONTNEED);
    if (free.empty()) {
      const std::uint64_t tag = queue_->wait();
      const Read& read = reads[tag];
      ASSERT_TRUE(std::equal(read.buffer.begin(), read.buffer.end(),
                             bytes_.begin() + static_cast<std::ptrdiff_t>(read.offset)));
      free.push_back(tag);
    }
    const std::uint64_t tag = free.back();
    free.pop_back();
    const std::size_t offset = random() % kSize;
    const std::size_t length = 1 + random() % std::min<std::size_t>(kSize - offset, 300'000);
    reads[tag] = {offset, std::vector<std::byte>(length)};
    queue_->submit(GuestOffset(offset), reads[tag].buffer, tag);
  }
  for (std::size_t left = kDepth - free.size(); left > 0; --left) queue_->wait();
}

TEST_P(QueueTest, EndOfTheDiskIsAChangeAndNotAShortRead) {
  ASSERT_EQ(::ftruncate(fd_.get(), kSize - 10), 0);
  std::vector<std::byte> buffer(100);
  queue_->submit(GuestOffset(kSize - 100), buffer, 1);
  try {
    queue_->wait();
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kChanged);
    EXPECT_NE(std::string(error.what()).find("it ends at 4999993 of 5000003 bytes"),
              std::string::npos)
        << error.what();
  }
}

TEST_P(QueueTest, ErrorsNameTheOffset) {
  const UniqueFd directory(::open("/", O_RDONLY | O_CLOEXEC));
  const auto queue = make(directory.get());
  std::vector<std::byte> buffer(100);
  queue->submit(GuestOffset(4096), buffer, 1);
  try {
    queue->wait();
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "disk: read at offset 4096 failed: is a directory");
    EXPECT_EQ(error.offset(), 4096U);
    EXPECT_EQ(error.error_number(), EISDIR);
  }
}

TEST_P(QueueTest, CanGoWhileReadsAreInFlight) {
  for (int round = 0; round < 20; ++round) {
    std::vector<std::vector<std::byte>> buffers(kDepth, std::vector<std::byte>(500'000));
    ::posix_fadvise(fd_.get(), 0, 0, POSIX_FADV_DONTNEED);
    const auto queue = make(fd_.get());
    for (std::uint64_t tag = 0; tag < kDepth; ++tag) {
      queue->submit(GuestOffset(tag * 500'000), buffers[tag], tag);
    }
    queue->wait();
  }
}

INSTANTIATE_TEST_SUITE_P(Uring, QueueTest, ::testing::Values(&make_uring_queue));
INSTANTIATE_TEST_SUITE_P(Threads, QueueTest, ::testing::Values(&make_thread_queue));

}  // namespace
}  // namespace qcow2stream
