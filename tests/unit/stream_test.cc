// SPDX-License-Identifier: GPL-2.0-or-later
//
// Disks that come out of a pipe.

#include "qcow2stream/stream.h"
#include "qcow2stream/file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "system/fd.h"
#include "testing.h"

namespace qcow2stream {
namespace {

using testing::make_image;
using testing::MemoryDisk;
using testing::read_all;

// A pipe that is fed by a thread, `step` bytes at a time.
class FedPipe {
 public:
  explicit FedPipe(std::vector<std::byte> bytes, std::size_t step = 1 << 20) {
    std::array<int, 2> ends{};
    EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    out_ = UniqueFd(ends[0]);
    in_ = UniqueFd(ends[1]);
    feeder_ = std::jthread([this, bytes = std::move(bytes), step] {
      for (std::size_t at = 0; at < bytes.size();) {
        const ssize_t n = ::write(in_.get(), bytes.data() + at, std::min(step, bytes.size() - at));
        if (n <= 0) break;
        at += static_cast<std::size_t>(n);
      }
      in_ = UniqueFd();
    });
  }
  ~FedPipe() {
    std::array<std::byte, 4096> rest{};
    while (::read(out_.get(), rest.data(), rest.size()) > 0) {
    }
  }
  FedPipe(const FedPipe&) = delete;
  FedPipe& operator=(const FedPipe&) = delete;

  [[nodiscard]] int fd() const { return out_.get(); }

 private:
  UniqueFd out_;
  UniqueFd in_;
  std::jthread feeder_;
};

// Zeros with data here and there.
std::vector<std::byte> sparse_bytes(std::size_t size) {
  std::vector<std::byte> bytes(size);
  for (std::size_t i = 0; i < size; ++i) {
    if (i / 70'000 % 3 == 1) bytes[i] = static_cast<std::byte>(i % 251);
  }
  return bytes;
}

StreamOptions options_with(std::optional<std::uint64_t> size) {
  return {.size = size, .spool_directory = ::testing::TempDir()};
}

std::string failure_of(const std::function<void()>& function) {
  try {
    function();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kFailed);
    return error.what();
  }
  return "no error";
}

TEST(Stream, GivesTheImageOfTheSameBytes) {
  for (const std::size_t size : {0U, 1U, 511U, 4096U, 65537U, 1'000'001U, 3U << 20}) {
    const auto bytes = sparse_bytes(size);
    const auto wanted = read_all(make_image(std::make_shared<MemoryDisk>(bytes), {}));
    for (const std::size_t step : {4097U, 1U << 20}) {
      const FedPipe pipe(bytes, step);
      Progress progress;
      StreamOptions options = options_with(std::nullopt);
      options.progress = &progress;
      const auto disk = open_stream(pipe.fd(), "pipe", options);
      EXPECT_EQ(disk->size(), size);
      EXPECT_EQ(disk->name(), "pipe");
      EXPECT_FALSE(disk->stamp());
      EXPECT_EQ(progress.spool_done, size);
      EXPECT_EQ(progress.spool_total, 0U);
      EXPECT_EQ(read_all(make_image(disk, {})), wanted);
    }
  }
}

TEST(Stream, AnAnnouncedSizeIsChecked) {
  for (const std::size_t size : {0U, 1U, 65536U, 300'000U}) {
    const auto bytes = std::vector(size, std::byte{1});
    EXPECT_EQ(open_stream(FedPipe(bytes).fd(), "pipe", options_with(size))->size(), size);
    if (size > 0) {
      EXPECT_EQ(
          failure_of([&] { open_stream(FedPipe(bytes).fd(), "pipe", options_with(size - 1)); }),
          "pipe: is longer than announced: there is more after " + std::to_string(size - 1) +
              " bytes");
    }
    EXPECT_EQ(failure_of([&] { open_stream(FedPipe(bytes).fd(), "pipe", options_with(size + 1)); }),
              "pipe: is shorter than announced: it ended after " + std::to_string(size) + " of " +
                  std::to_string(size + 1) + " bytes");
  }
}

TEST(Stream, WhatCannotBeReadIsRefused) {
  const UniqueFd directory(::open("/", O_RDONLY | O_CLOEXEC));
  const UniqueFd write_only(::open("/dev/null", O_WRONLY | O_CLOEXEC));
  EXPECT_EQ(failure_of([&] { open_stream(directory.get(), "x"); }),
            "x: cannot be read: is a directory");
  EXPECT_EQ(failure_of([&] { open_stream(write_only.get(), "x"); }),
            "x: cannot be read: it is not open for reading");
  EXPECT_EQ(failure_of([] { open_stream(-1, "x"); }), "x: cannot be read: it is not open");
  EXPECT_EQ(failure_of([] { open_sequential(-1, "x", 1); }), "x: cannot be read: it is not open");
  EXPECT_EQ(failure_of([] { open_disk(-1, "x"); }), "x: cannot be read: it is not open");
}

TEST(Stream, AFileThatStandsAtItsStartNeedsNoStream) {
  std::string path = ::testing::TempDir() + "/stream-test-XXXXXX";
  const UniqueFd fd(::mkostemp(path.data(), O_CLOEXEC));
  ::unlink(path.c_str());
  ASSERT_EQ(::write(fd.get(), "0123456789", 10), 10);
  EXPECT_FALSE(can_be_sought(fd.get()));
  ::lseek(fd.get(), 0, SEEK_SET);
  EXPECT_TRUE(can_be_sought(fd.get()));
  const auto disk = open_disk(fd.get(), "file");
  EXPECT_EQ(read_all(make_image(disk, {})).size() % 65536, 0U);
  EXPECT_EQ(disk->size(), 10U);
  EXPECT_TRUE(disk->stamp());
  EXPECT_EQ(::lseek(fd.get(), 0, SEEK_CUR), 0);

  const FedPipe pipe({});
  EXPECT_FALSE(can_be_sought(pipe.fd()));
  EXPECT_FALSE(can_be_sought(-1));
}

TEST(SequentialStream, GivesTheImageThatAllocatesEverything) {
  const SurveyOptions everything{.scan = Scan::kNone};
  for (const std::size_t size : {0U, 1U, 511U, 512U, 65537U, 1'000'001U}) {
    const auto bytes = sparse_bytes(size);
    const auto wanted = read_all(make_image(std::make_shared<MemoryDisk>(bytes), {}, everything));
    const FedPipe pipe(bytes, 5000);
    const auto disk = open_sequential(pipe.fd(), "pipe", size);
    EXPECT_EQ(image_magic(*disk), std::nullopt);
    EXPECT_EQ(read_all(make_image(disk, {}, everything)), wanted);
    disk->check_unchanged();
    disk->check_unchanged();
  }
}

TEST(SequentialStream, DropsWhatComesBeforeAndRefusesToGoBack) {
  auto bytes = sparse_bytes(1'000'000);
  const FedPipe pipe(bytes);
  const auto disk = open_sequential(pipe.fd(), "pipe", bytes.size());
  const auto expect_read = [&](std::size_t offset, std::size_t length) {
    std::vector<std::byte> buffer(length);
    disk->read(GuestOffset(offset), buffer);
    EXPECT_TRUE(std::equal(buffer.begin(), buffer.end(),
                           bytes.begin() + static_cast<std::ptrdiff_t>(offset)));
  };
  expect_read(100, 50);
  expect_read(0, 1000);  // out of what is kept, and on
  expect_read(0, 512);
  expect_read(500'000, 100'000);
  expect_read(511, 1);
  std::vector<std::byte> buffer(100);
  EXPECT_EQ(failure_of([&] { disk->read(GuestOffset(500), buffer); }),
            "pipe: read at offset 512 failed: it is a stream and has been read up to 600000");
  disk->check_unchanged();  // says nothing yet
  expect_read(600'000, 400'000);
}

TEST(SequentialStream, AnotherSizeThanAnnouncedIsAnError) {
  const std::vector<std::byte> bytes(70'000);
  std::vector<std::byte> buffer(70'001);
  const FedPipe shorter(bytes);
  EXPECT_EQ(failure_of([&] {
              open_sequential(shorter.fd(), "pipe", 70'001)->read(GuestOffset(0), buffer);
            }),
            "pipe: is shorter than announced: it ended after 70000 of 70001 bytes");
  const FedPipe longer(bytes);
  const auto disk = open_sequential(longer.fd(), "pipe", 69'999);
  disk->read(GuestOffset(0), std::span(buffer).first(69'999));
  EXPECT_EQ(failure_of([&] { disk->check_unchanged(); }),
            "pipe: is longer than announced: there is more after 69999 bytes");
}

TEST(SequentialStream, ADescriptorThatDoesNotBlockIsWaitedFor) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK), 0);
  const UniqueFd out(ends[0]);
  UniqueFd in(ends[1]);
  std::jthread feeder([&in] {
    for (int i = 0; i < 5; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
      static_cast<void>(::write(in.get(), "x", 1));
    }
    in = UniqueFd();
  });
  const auto disk = open_sequential(out.get(), "pipe", 5);
  std::vector<std::byte> buffer(5);
  disk->read(GuestOffset(0), buffer);
  EXPECT_EQ(buffer, std::vector<std::byte>(5, std::byte{'x'}));
}

}  // namespace
}  // namespace qcow2stream
