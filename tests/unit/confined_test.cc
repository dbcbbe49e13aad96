// SPDX-License-Identifier: GPL-2.0-or-later
//
// A confined program that was taken over says what it likes: tests/tools/lying_reader.cc does. It
// is refused with one line, or has lied about the content of the disk and nothing else.

#include "qcow2stream/confined.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "qcow2stream/error.h"
#include "qcow2stream/stored_clusters.h"

namespace qcow2stream {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kImage = 512U << 10;  // what lying-reader finds in it is half of its disk

class ConfinedTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string path = ::testing::TempDir() + "/confined-test-XXXXXX";
    ASSERT_NE(::mkdtemp(path.data()), nullptr);
    directory_ = path;
    std::ofstream(image()) << std::string(kImage, 'i');
  }
  void TearDown() override { fs::remove_all(directory_); }

  [[nodiscard]] std::string image() const { return directory_ / "image"; }

  [[nodiscard]] OpenedQcow2 open(const std::string& lie, const Qcow2Options& options = {}) const {
    const fs::path program = directory_ / ("lying-reader." + lie);
    if (!fs::exists(program)) fs::create_symlink(LYING_READER, program);
    return open_qcow2_confined(image(), options,
                               {.program = program, .timeout = std::chrono::seconds(1)});
  }

  // All that can be asked of it.
  [[nodiscard]] static std::vector<std::byte> use(const Disk& disk) {
    std::vector<std::byte> bytes(disk.size());
    const auto runs = disk.runs({GuestOffset(0), disk.size()});
    while (runs->next()) continue;
    disk.read(GuestOffset(0), bytes);
    const auto queue = disk.queue();
    queue->submit(GuestOffset(0), bytes, 1);
    queue->wait();
    return bytes;
  }

  void expect_refused(const std::string& lie, const std::string& reason) const {
    try {
      static_cast<void>(use(*open(lie).disk));
      ADD_FAILURE() << lie << ": was believed";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kFailed);
      EXPECT_NE(std::string(error.what()).find(reason), std::string::npos)
          << lie << ": " << error.what();
    }
  }

 private:
  fs::path directory_;
};

TEST_F(ConfinedTest, BelievesWhatMakesSense) {
  const auto opened = open("not");
  EXPECT_EQ(opened.disk->name(), image());
  const auto bytes = use(*opened.disk);
  ASSERT_EQ(bytes.size(), 2 * kImage);
  EXPECT_EQ(std::count(bytes.begin(), bytes.begin() + kImage, std::byte{'i'}), kImage);
  EXPECT_EQ(std::count(bytes.begin() + kImage, bytes.end(), std::byte{'x'}), kImage);
  const qcow2stream::Run run = opened.disk->run_at({GuestOffset(1000), 2 * kImage - 1000});
  EXPECT_EQ(run.range, (GuestRange{GuestOffset(1000), kImage - 1000}));
  ASSERT_TRUE(run.where);
  EXPECT_EQ(run.where->offset, 1000);
}

TEST_F(ConfinedTest, RefusesAnswersThatMakeNoSense) {
  for (const char* lie : {"huge-disk",
                          "odd-cluster",
                          "no-cluster",
                          "changes",
                          "many-caveats",
                          "behind-the-end",
                          "far-behind-the-end",
                          "wraps",
                          "too-long",
                          "much-too-long",
                          "empty-run",
                          "unknown-kind",
                          "below",
                          "no-runs",
                          "half-a-run",
                          "short-answer",
                          "long-answer",
                          "other-protocol",
                          "other-answer",
                          "more-than-the-slot",
                          "endless",
                          "fewer-bytes",
                          "more-bytes",
                          "senseless-error",
                          "misses-nothing-known",
                          "short-hello"}) {
    expect_refused(lie, "the process that reads it has given an answer that makes no sense");
  }
  expect_refused("other-version", "it is of another version");
}

TEST_F(ConfinedTest, SaysHowItEnded) {
  expect_refused("dies", "the process that reads it was ended by signal 9 (Killed)");
  expect_refused("leaves", "the process that reads it has ended with status 3");
  expect_refused("is-silent", "the process that reads it has said nothing for 1 s");
  expect_refused("empty-answer", "the process that reads it has closed its connection");
}

// A late answer to one question would be taken for that to the next one.
TEST_F(ConfinedTest, IsNotAskedOnceItHasFailed) {
  const auto disk = open("is-silent").disk;
  std::vector<std::byte> bytes(512);
  const GuestOffset made(kImage);
  EXPECT_THROW(disk->read(made, bytes), Error);
  try {
    disk->read(made, bytes);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.reason(), "the process that reads it has said nothing for 1 s");
  }
}

TEST_F(ConfinedTest, KeepsItsMemory) {
  EXPECT_EQ(use(*open("shrinks").disk).size(), 2 * kImage);
}

TEST_F(ConfinedTest, IsSpokenToInLines) {
  const auto opened = open("control-characters");
  ASSERT_EQ(opened.disk->caveats().size(), 1U);
  EXPECT_EQ(opened.disk->caveats().front().text, "one\\n\\x1b[2Jtwo");
}

TEST_F(ConfinedTest, FindsBlobsInTheImageOnly) {
  const auto opened = open("not");
  const StoredClusters& stored = *opened.disk->stored_clusters();
  EXPECT_THROW(static_cast<void>(stored.find(GuestOffset(0))), Error);
  const auto again = open("not");
  EXPECT_THROW(static_cast<void>(
                   again.disk->stored_clusters()->length({.begin = HostOffset(0), .most = 512})),
               Error);
}

TEST_F(ConfinedTest, ReadsNothingBelowIt) {
  EXPECT_THROW(open("not", {.top = TopImages{.images = 2}}), Error);
  EXPECT_THROW(open("not", {.lost = std::make_shared<LostRanges>()}), Error);
}

}  // namespace
}  // namespace qcow2stream
