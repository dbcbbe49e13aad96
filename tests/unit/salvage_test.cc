// SPDX-License-Identifier: GPL-2.0-or-later

#include <gtest/gtest.h>

#include <cerrno>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/zero.h"
#include "qcow2stream/error.h"
#include "qcow2stream/salvage.h"
#include "testing.h"

namespace qcow2stream::testing {
namespace {

GuestRange range(std::uint64_t begin, std::uint64_t length) {
  return {GuestOffset(begin), length};
}

std::string text(const LostRanges& lost) {
  std::string all;
  for (const LostRange& one : lost.all()) {
    all += std::to_string(one.range.begin.value()) + "+" + std::to_string(one.range.length) + " " +
           one.reason + ";";
  }
  return all;
}

TEST(LostRanges, AreInOrderAndWhatAdjoinsIsOne) {
  LostRanges lost;
  EXPECT_TRUE(lost.empty());
  lost.add("disk", range(100, 10), "a");
  lost.add("disk", range(300, 10), "b");
  lost.add("disk", range(110, 5), "c");
  lost.add("disk", range(90, 10), "d");
  EXPECT_EQ(text(lost), "90+25 d;300+10 b;");
  lost.add("disk", range(95, 5), "e");
  EXPECT_EQ(text(lost), "90+25 d;300+10 b;");
  lost.add("disk", range(114, 200), "f");
  EXPECT_EQ(text(lost), "90+224 d;");
  EXPECT_FALSE(lost.empty());
}

TEST(LostRanges, TellWhatIsLostOfARange) {
  LostRanges lost;
  lost.add("disk", range(100, 10), "a");
  EXPECT_EQ(lost.part_at(range(0, 500)).range, range(0, 100));
  EXPECT_FALSE(lost.part_at(range(0, 500)).is_lost);
  EXPECT_EQ(lost.part_at(range(105, 500)).range, range(105, 5));
  EXPECT_TRUE(lost.part_at(range(105, 500)).is_lost);
  EXPECT_EQ(lost.part_at(range(110, 500)).range, range(110, 500));
  EXPECT_EQ(lost.part_at(range(90, 10)).range, range(90, 10));
  EXPECT_FALSE(lost.reason_in(range(90, 10)));
  EXPECT_EQ(lost.reason_in(range(90, 11)), "a");
  EXPECT_EQ(lost.reason_in(range(109, 1)), "a");
  EXPECT_FALSE(lost.reason_in(range(110, 1)));
}

// Throws where a read touches a bad byte, and counts the reads.
class BadDisk final : public Disk {
 public:
  explicit BadDisk(std::vector<std::uint64_t> bad, int number = EIO)
      : bad_(std::move(bad)), number_(number) {}
  [[nodiscard]] const std::string& name() const override { return name_; }
  [[nodiscard]] std::uint64_t size() const override { return 4U << 20; }
  void read(GuestOffset offset, std::span<std::byte> buffer) const override {
    ++reads;
    std::ranges::fill(buffer, std::byte{7});
    for (const std::uint64_t at : bad_) {
      if (at < offset.value() || at - offset.value() >= buffer.size()) continue;
      throw Error(ErrorKind::kFailed, name_, "read failed", "bad").with_errno(number_).at(at);
    }
  }
  mutable int reads = 0;

 private:
  std::vector<std::uint64_t> bad_;
  int number_;
  std::string name_ = "bad";
};

TEST(Salvaging, NarrowsDamageToAPageInFewReads) {
  const auto bad = std::make_shared<BadDisk>(std::vector<std::uint64_t>{1'000'000, 3'000'000});
  const auto lost = std::make_shared<LostRanges>();
  const auto disk = salvaging(bad, lost);
  std::vector<std::byte> all(disk->size());
  disk->read(GuestOffset(0), all);
  EXPECT_EQ(text(*lost), "999424+4096 bad;2998272+4096 bad;");
  EXPECT_LT(bad->reads, 100);
  for (std::size_t at = 0; at < all.size(); at += 512) {
    const bool is_lost = lost->reason_in(range(at, 1)).has_value();
    ASSERT_EQ(all[at], is_lost ? std::byte{0} : std::byte{7}) << at;
  }
  // What is lost is not asked for again.
  const int before = bad->reads;
  disk->read(GuestOffset(999424), std::span(all).first(4096));
  EXPECT_EQ(bad->reads, before);
}

TEST(Salvaging, LosesOfAPageWhatWasAskedFor) {
  const auto lost = std::make_shared<LostRanges>();
  const auto disk = salvaging(std::make_shared<BadDisk>(std::vector<std::uint64_t>{5000}), lost);
  std::vector<std::byte> some(2000);
  disk->read(GuestOffset(4500), some);
  EXPECT_EQ(text(*lost), "4500+2000 bad;");
}

TEST(Salvaging, ThrowsWhatIsNoDamage) {
  const auto lost = std::make_shared<LostRanges>();
  const auto disk =
      salvaging(std::make_shared<BadDisk>(std::vector<std::uint64_t>{0}, ENOTCONN), lost);
  std::vector<std::byte> some(512);
  EXPECT_THROW(disk->read(GuestOffset(0), some), Error);
  EXPECT_TRUE(lost->empty());
}

TEST(Salvaging, HasAQueueThatGoesOn) {
  const auto lost = std::make_shared<LostRanges>();
  const auto disk =
      salvaging(std::make_shared<BadDisk>(std::vector<std::uint64_t>{70'000, 300'000}), lost);
  const auto queue = disk->queue();
  std::map<std::uint64_t, std::vector<std::byte>> buffers;
  for (std::uint64_t tag = 0; tag < 16; ++tag) {
    auto& buffer = buffers[tag];
    buffer.resize(64 << 10);
    queue->submit(GuestOffset(tag << 16), buffer, tag);
    const std::uint64_t done = queue->wait();
    ASSERT_EQ(done, tag);
  }
  EXPECT_EQ(text(*lost), "69632+4096 bad;299008+4096 bad;");
  EXPECT_EQ(buffers[1][70'000 - 65'536], std::byte{0});
  EXPECT_EQ(buffers[1][0], std::byte{7});
  EXPECT_EQ(buffers[15][0], std::byte{7});
}

TEST(Salvaging, ChangesTheIdWithWhatIsLost) {
  const auto lost = std::make_shared<LostRanges>();
  const auto disk = salvaging(std::make_shared<BadDisk>(std::vector<std::uint64_t>{5000}), lost);
  const std::string before = disk->id_addition();
  EXPECT_NE(before, "");
  std::vector<std::byte> some(512);
  disk->read(GuestOffset(5000), some);
  EXPECT_NE(disk->id_addition(), before);
}

}  // namespace
}  // namespace qcow2stream::testing
