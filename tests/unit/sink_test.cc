// SPDX-License-Identifier: GPL-2.0-or-later
//
// emit() to a sink of somebody's own: what it is told, and in which order.

#include "qcow2stream/sink.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "testing.h"

namespace qcow2stream {
namespace {

// Takes what it is given in odd pieces and keeps a record of what it was told.
class RecordingSink final : public Sink {
 public:
  explicit RecordingSink(bool wants_id) : wants_id_(wants_id) {}

  [[nodiscard]] const std::string& name() const override { return name_; }
  void check(std::uint64_t length, bool /*flush*/) const override {
    if (length > room) throw Error(ErrorKind::kFailed, name_, "is too small", "");
  }
  [[nodiscard]] bool wants_image_id() const override { return wants_id_; }
  void begin(const Announcement& announcement) override {
    announced = announcement;
    told.emplace_back("begin");
  }
  std::size_t write(std::span<const std::byte> bytes) override {
    if (taken.size() >= fails_at) throw Error(ErrorKind::kFailed, name_, "write failed", "");
    const std::size_t n =
        std::min({bytes.size(), 1 + taken.size() % 70'001, fails_at - taken.size()});
    taken.insert(taken.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(n));
    if (told.back() != "write") told.emplace_back("write");
    return n;
  }
  void wait_until_taken(std::uint64_t /*copied*/) override { told.emplace_back("wait"); }
  void flush() override { told.emplace_back("flush"); }
  void finish() override { told.emplace_back("finish"); }

  std::uint64_t room = ~std::uint64_t{0};
  std::size_t fails_at = ~std::size_t{0};
  Announcement announced;
  std::vector<std::byte> taken;
  std::vector<std::string> told;

 private:
  std::string name_ = "record";
  bool wants_id_;
};

// Has changed when it is asked.
class ChangingDisk final : public Disk {
 public:
  [[nodiscard]] const std::string& name() const override { return name_; }
  [[nodiscard]] std::uint64_t size() const override { return 1 << 20; }
  void read(GuestOffset /*offset*/, std::span<std::byte> buffer) const override {
    std::ranges::fill(buffer, std::byte{1});
  }
  void check_unchanged() const override {
    throw Error(ErrorKind::kChanged, name_, "changed while it was read", "");
  }

 private:
  std::string name_ = "changing";
};

Image image_of_ones(std::size_t size) {
  return testing::make_image(
      std::make_shared<testing::MemoryDisk>(std::vector<std::byte>(size, std::byte{1})), {});
}

TEST(Sink, GetsTheImageBetweenBeginAndFinish) {
  const Image image = image_of_ones(1'000'000);
  RecordingSink sink(true);
  const EmitResult result = emit(image, image.whole(), sink);
  EXPECT_EQ(sink.taken, testing::read_all(image));
  EXPECT_EQ(sink.announced.length, image.size());
  EXPECT_EQ(sink.announced.image_id, image.id());
  EXPECT_EQ(sink.told, (std::vector<std::string>{"begin", "write", "wait", "write", "finish"}));
  EXPECT_EQ(result.transferred, 0U);
  EXPECT_EQ(result.method, "read and write");
}

TEST(Sink, IsFlushedBeforeTheLastPieceAndBehindIt) {
  const Image image = image_of_ones(300'000);
  RecordingSink sink(false);
  emit(image, {HostOffset(1000), 200'000}, sink, {.flush = true});
  EXPECT_EQ(sink.taken.size(), 200'000U);
  EXPECT_EQ(sink.announced.length, 200'000U);
  EXPECT_EQ(sink.announced.image_id, "");
  EXPECT_EQ(sink.told, (std::vector<std::string>{"begin", "write", "flush", "wait", "write",
                                                 "flush", "finish"}));
}

TEST(Sink, WhatHasNoRoomDoesNotBegin) {
  const Image image = image_of_ones(100'000);
  RecordingSink sink(false);
  sink.room = image.size() - 1;
  EXPECT_THROW(emit(image, image.whole(), sink), Error);
  EXPECT_TRUE(sink.told.empty());
}

TEST(Sink, IsNeverFinishedAfterAFailure) {
  const Image image = image_of_ones(500'000);
  for (const std::size_t fails_at : {std::size_t{0}, std::size_t{100'000}, image.size() - 1}) {
    RecordingSink sink(false);
    sink.fails_at = fails_at;
    EXPECT_THROW(emit(image, image.whole(), sink), Error);
    EXPECT_LT(sink.taken.size(), image.size());
    EXPECT_EQ(std::ranges::count(sink.told, "finish"), 0);
  }
}

TEST(Sink, ADiskThatHasChangedKeepsTheLastPieceBack) {
  const auto disk = std::make_shared<ChangingDisk>();
  const Image image = testing::make_image(disk, {});
  RecordingSink sink(false);
  EXPECT_THROW(emit(image, image.whole(), sink), Error);
  EXPECT_EQ(sink.taken.size(), image.size() - (64 << 10));
  EXPECT_EQ(std::ranges::count(sink.told, "finish"), 0);
}

}  // namespace
}  // namespace qcow2stream
