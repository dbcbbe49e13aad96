// SPDX-License-Identifier: GPL-2.0-or-later

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <thread>
#include <vector>

#include "base/zero.h"
#include "target/held_ends.h"
#include "target_testing.h"

namespace qcow2stream {
namespace {

using testing::Bytes;
using testing::kMiB;
using testing::MemoryTarget;
using testing::random_bytes;
using testing::read_target;
using testing::same_bytes;

std::span<const std::byte> part(const Bytes& bytes, std::uint64_t offset, std::uint64_t length) {
  return std::span(bytes).subspan(offset, length);
}

TEST(HeldEnds, EndsAreZerosOnStableStorageBeforeAnythingElse) {
  const Bytes old = random_bytes(5 * kMiB, 1);
  MemoryTarget inner(old);
  HeldEnds target(inner);
  EXPECT_EQ(inner.stable(), old);
  target.set_size(5 * kMiB);
  EXPECT_TRUE(is_zero(part(inner.stable(), 0, kMiB)));
  EXPECT_TRUE(is_zero(part(inner.stable(), 4 * kMiB, kMiB)));
  EXPECT_TRUE(same_bytes(part(inner.stable(), kMiB, 3 * kMiB), part(old, kMiB, 3 * kMiB)));
}

TEST(HeldEnds, EndsComeWhenTheRestIsOnStableStorage) {
  MemoryTarget inner(random_bytes(5 * kMiB, 1));
  HeldEnds target(inner);
  target.set_size(5 * kMiB);
  const Bytes disk = random_bytes(5 * kMiB, 2);
  target.write(GuestOffset(0), disk);
  EXPECT_TRUE(is_zero(part(inner.bytes(), 0, kMiB)));
  EXPECT_TRUE(is_zero(part(inner.bytes(), 4 * kMiB, kMiB)));
  unsigned writes = 0;
  inner.before_write = [&](GuestRange range) {
    EXPECT_TRUE(range.end().value() <= kMiB || range.begin.value() >= 4 * kMiB);
    EXPECT_TRUE(same_bytes(part(inner.stable(), kMiB, 3 * kMiB), part(disk, kMiB, 3 * kMiB)));
    ++writes;
  };
  target.finish();
  EXPECT_EQ(writes, 3U);
  EXPECT_EQ(inner.stable(), disk);
  EXPECT_TRUE(inner.is_finished);
}

// Who has the first block has all.
TEST(HeldEnds, TheFirstBlockComesBehindAFlushOfAllOthers) {
  MemoryTarget inner(random_bytes(5 * kMiB, 1));
  HeldEnds target(inner);
  target.set_size(5 * kMiB);
  const Bytes disk = random_bytes(5 * kMiB, 2);
  target.write(GuestOffset(0), disk);
  std::vector<std::uint64_t> order;
  inner.before_write = [&](GuestRange range) {
    order.push_back(range.begin.value());
    if (range.begin.value() != 0) return;
    EXPECT_TRUE(
        same_bytes(part(inner.stable(), 4096, 5 * kMiB - 4096), part(disk, 4096, 5 * kMiB - 4096)));
  };
  target.finish();
  EXPECT_EQ(order, (std::vector<std::uint64_t>{4 * kMiB, 4096, 0}));
}

TEST(HeldEnds, WhatLiesBehindTheDiskIsBlankedAndComesBack) {
  for (const std::uint64_t size : {std::uint64_t{512}, kMiB - 512, 3 * kMiB, 4 * kMiB + 512}) {
    const Bytes old = random_bytes(5 * kMiB, 1);
    MemoryTarget inner(old);
    HeldEnds target(inner);
    target.set_size(size);
    EXPECT_TRUE(is_zero(part(inner.stable(), 4 * kMiB, kMiB)));
    const Bytes disk = random_bytes(size, 2);
    target.write(GuestOffset(0), disk);
    target.finish();
    EXPECT_TRUE(same_bytes(part(inner.stable(), 0, size), disk)) << size;
    EXPECT_TRUE(
        same_bytes(part(inner.stable(), size, 5 * kMiB - size), part(old, size, 5 * kMiB - size)))
        << size;
  }
}

TEST(HeldEnds, OfATargetThatCannotBeReadWhatLiesBehindIsLeftAlone) {
  const Bytes old = random_bytes(5 * kMiB, 1);
  MemoryTarget inner(old);
  inner.can_be_read = false;
  HeldEnds target(inner);
  target.set_size(4 * kMiB + 512);
  EXPECT_TRUE(is_zero(part(inner.stable(), 4 * kMiB, 512)));
  target.finish();
  EXPECT_TRUE(same_bytes(part(inner.stable(), 4 * kMiB + 512, kMiB - 512),
                         part(old, 4 * kMiB + 512, kMiB - 512)));
}

TEST(HeldEnds, ZerosOfTheEndsAreNotWrittenAgain) {
  MemoryTarget inner(Bytes(5 * kMiB));
  HeldEnds target(inner);
  target.set_size(5 * kMiB);
  target.zero({GuestOffset(0), 5 * kMiB});
  target.write(GuestOffset(40'000), random_bytes(10'000, 1));
  std::vector<GuestRange> written;
  inner.before_write = [&](GuestRange range) { written.push_back(range); };
  target.finish();
  ASSERT_EQ(written.size(), 1U);
  EXPECT_EQ(written[0], (GuestRange{GuestOffset(36'864), 53'248 - 36'864}));
}

TEST(HeldEnds, DataThatIsZerosIsWritten) {
  MemoryTarget inner(Bytes(5 * kMiB));
  HeldEnds target(inner);
  target.set_size(5 * kMiB);
  target.write(GuestOffset(4096), Bytes(4096));
  std::vector<GuestRange> written;
  inner.before_write = [&](GuestRange range) { written.push_back(range); };
  target.finish();
  ASSERT_EQ(written.size(), 1U);
  EXPECT_EQ(written[0], (GuestRange{GuestOffset(4096), 4096}));
}

TEST(HeldEnds, AbandonedTargetShowsNoEnds) {
  MemoryTarget inner(random_bytes(3 * kMiB, 1));
  {
    HeldEnds target(inner);
    target.set_size(3 * kMiB);
    target.write(GuestOffset(0), random_bytes(3 * kMiB, 2));
    target.flush();
  }
  EXPECT_TRUE(is_zero(part(inner.bytes(), 0, kMiB)));
  EXPECT_TRUE(is_zero(part(inner.bytes(), 2 * kMiB, kMiB)));
}

TEST(HeldEnds, SeveralThreadsWriteTheDisk) {
  MemoryTarget inner(random_bytes(3 * kMiB, 1));
  HeldEnds target(inner);
  target.set_size(3 * kMiB);
  const Bytes disk = random_bytes(3 * kMiB, 2);
  {
    std::vector<std::jthread> threads;
    for (std::uint64_t first = 0; first < 4; ++first) {
      threads.emplace_back([&, first] {
        constexpr std::uint64_t kPiece = 1000;
        for (std::uint64_t at = first * kPiece; at < disk.size(); at += 4 * kPiece) {
          target.write(GuestOffset(at), part(disk, at, std::min(kPiece, disk.size() - at)));
        }
      });
    }
  }
  target.finish();
  EXPECT_EQ(inner.stable(), disk);
}

// What was written is what is read and what is there in the end, whatever the sizes and the order.
RC_GTEST_PROP(HeldEnds, WritesAndZerosAgainstAModel, ()) {
  constexpr std::uint64_t kSector = 512;
  const auto whole = *rc::gen::inRange<std::uint64_t>(1, 9 * kMiB / 2 / kSector) * kSector;
  const auto size =
      std::min(whole, *rc::gen::inRange<std::uint64_t>(0, whole / kSector + 20) * kSector);
  const Bytes old = random_bytes(whole, 1);
  MemoryTarget inner(old);
  HeldEnds target(inner);
  target.set_size(size);

  const std::uint64_t first = std::min(whole, kMiB);
  const std::uint64_t last = std::max(first, whole - first);
  Bytes model = old;
  std::fill_n(model.begin(), std::min(size, first), std::byte{0});
  if (last < size)
    std::fill_n(model.begin() + static_cast<std::ptrdiff_t>(last), size - last, std::byte{0});

  const auto rounds = size == 0 ? 0 : *rc::gen::inRange(0, 12);
  for (int round = 0; round < rounds; ++round) {
    const auto begin = *rc::gen::inRange<std::uint64_t>(0, size);
    const auto most = *rc::gen::element<std::uint64_t>(1, 5000, 2 * kMiB);
    const auto length = *rc::gen::inRange<std::uint64_t>(1, std::min(most, size - begin) + 1);
    const auto place = model.begin() + static_cast<std::ptrdiff_t>(begin);
    if (*rc::gen::arbitrary<bool>()) {
      const Bytes bytes = random_bytes(length, static_cast<unsigned>(round));
      target.write(GuestOffset(begin), bytes);
      std::ranges::copy(bytes, place);
    } else {
      target.zero({GuestOffset(begin), length});
      std::fill_n(place, length, std::byte{0});
    }
    RC_ASSERT(same_bytes(read_target(target, 0, size), part(model, 0, size)));
    RC_ASSERT(is_zero(part(inner.bytes(), 0, first)));
    RC_ASSERT(is_zero(part(inner.bytes(), last, whole - last)));
  }
  target.finish();
  RC_ASSERT(same_bytes(inner.stable(), model));
  RC_ASSERT(same_bytes(read_target(target, 0, whole), model));
}

}  // namespace
}  // namespace qcow2stream
