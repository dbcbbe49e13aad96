// SPDX-License-Identifier: GPL-2.0-or-later
//
// A confined program that was taken over tells what it likes of a stream:
// tests/tools/lying_stream.cc does. It is refused with one line, or has lied about the content of
// the disk and nothing else.

#include "restore/confined_stream.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "qcow2stream/error.h"

namespace qcow2stream {
namespace {

namespace fs = std::filesystem;

// Takes what belongs to a disk of 1 MiB.
class TakenContent final : public RestoredContent {
 public:
  void data(GuestOffset at, SharedBytes bytes) override {
    note({at, bytes.bytes.size()});
    std::copy(bytes.bytes.begin(), bytes.bytes.end(),
              disk_.begin() + static_cast<std::ptrdiff_t>(at.value()));
  }
  void compressed(GuestRange range, HostOffset /*at*/, std::vector<std::byte> /*blob*/) override {
    note(range);
  }
  void zeros(GuestRange range) override { note(range); }
  void below(GuestRange range) override { note(range); }
  void lost(GuestRange range, HostOffset /*at*/, const std::string& /*reason*/) override {
    note(range);
  }
  void end_chunk() override {}

  [[nodiscard]] const std::vector<std::byte>& disk() const { return disk_; }
  [[nodiscard]] std::uint64_t told() const { return told_; }

 private:
  void note(GuestRange range) {
    ASSERT_GT(range.length, 0U);
    ASSERT_LE(range.begin.value(), disk_.size());
    ASSERT_LE(range.length, disk_.size() - range.begin.value());
    told_ += range.length;
  }

  std::vector<std::byte> disk_ = std::vector<std::byte>(1U << 20);
  std::uint64_t told_ = 0;
};

class ConfinedStreamTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string path = ::testing::TempDir() + "/confined-stream-XXXXXX";
    ASSERT_NE(::mkdtemp(path.data()), nullptr);
    directory_ = path;
  }
  void TearDown() override {
    ::unsetenv("QCOW2STREAM_CONFINED");
    fs::remove_all(directory_);
  }

  // Restores a stream of 10,000 bytes, which the program takes apart.
  RestoredImage restore(const std::string& lie) {
    const fs::path program = directory_ / ("lying-stream." + lie);
    if (!fs::exists(program)) fs::create_symlink(LYING_STREAM, program);
    ::setenv("QCOW2STREAM_CONFINED", program.c_str(), 1);
    std::size_t left = 10'000;
    const StreamedImage image{.read =
                                  [&](std::span<std::byte> buffer) {
                                    const std::size_t n = std::min(left, buffer.size());
                                    std::fill_n(buffer.begin(), n, std::byte{'s'});
                                    left -= n;
                                    return n;
                                  },
                              .name = "image",
                              .size = {},
                              .digests = {}};
    ConfinedStream stream(image, {.threads = 1}, false);
    stream.read(&content_);
    return stream.finish();
  }

  void expect_refused(const std::string& lie, const std::string& reason) {
    try {
      restore(lie);
      ADD_FAILURE() << lie << ": was believed";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kFailed) << lie;
      EXPECT_EQ(error.name(), "image") << lie;
      EXPECT_NE(std::string(error.what()).find(reason), std::string::npos)
          << lie << ": " << error.what();
    }
  }

  TakenContent content_;

 private:
  fs::path directory_;
};

TEST_F(ConfinedStreamTest, BelievesWhatMakesSense) {
  const RestoredImage image = restore("not");
  EXPECT_EQ(image.stream_bytes, 10'000U);
  EXPECT_EQ(image.disk_size, 1U << 20);
  EXPECT_EQ(content_.told(), 1U << 20);
  const auto& disk = content_.disk();
  EXPECT_EQ(std::count(disk.begin(), disk.end(), std::byte{'x'}), 1 << 19);
}

TEST_F(ConfinedStreamTest, RefusesWhatMakesNoSense) {
  for (const char* lie : {"no-header",
                          "two-headers",
                          "huge-disk",
                          "half-a-sector",
                          "header-longer-than-the-slot",
                          "header-cut-off",
                          "header-and-more",
                          "behind-the-end",
                          "beyond-the-end",
                          "wraps",
                          "far-behind-the-end",
                          "empty",
                          "more-than-the-slot",
                          "other-question",
                          "other-protocol",
                          "only-half",
                          "nothing",
                          "one-half-twice",
                          "overlapping-parts-and-a-gap",
                          "all-and-a-part-again",
                          "many-remarks",
                          "end-longer-than-the-slot",
                          "end-cut-off",
                          "senseless-error",
                          "unknown-question"}) {
    expect_refused(lie, "the process that reads it has given an answer that makes no sense");
  }
}

TEST_F(ConfinedStreamTest, SaysHowItEnded) {
  expect_refused("dies", "the process that reads it was ended by signal 9 (Killed)");
}

// All of the stream is taken at the end, for its digests and its length.
TEST_F(ConfinedStreamTest, GivesNoMoreThanThereIs) {
  EXPECT_EQ(restore("takes-too-much").stream_bytes, 10'000U);
}

TEST_F(ConfinedStreamTest, IsSpokenToInLines) {
  const RestoredImage image = restore("remark-with-control-characters");
  ASSERT_EQ(image.remarks.size(), 1U);
  EXPECT_EQ(image.remarks.front(), "one\\n\\x1b[2Jtwo");
}

}  // namespace
}  // namespace qcow2stream
