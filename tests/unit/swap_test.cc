// SPDX-License-Identifier: GPL-2.0-or-later

#include <gtest/gtest.h>

#include <cstring>

#include "filesystems/examine.h"
#include "filesystems/swap.h"
#include "volume_testing.h"

namespace qcow2stream {
namespace {

using testing::CollectedRuns;
using testing::LeftOutRun;
using testing::MemoryVolume;
using testing::run_shell;

constexpr Kinds kSwapOnly{.free = false, .swap = true};
constexpr std::size_t kPage = 4096;

class SwapTest : public ::testing::Test {
 protected:
  // 64 pages and a bit, or as many bytes, by mkswap.
  [[nodiscard]] std::vector<std::byte> made(const std::string& options,
                                            std::size_t size = 263'000) const {
    const std::string image = (folder_ / "image").string();
    if (!run_shell("rm -f " + image + "; truncate -s " + std::to_string(size) + " " + image +
                   " && mkswap " + options + " " + image))
      return {};
    return testing::bytes_of_file(image);
  }

  testing::TemporaryFolder folder_;
};

void put(MemoryVolume& volume, std::size_t at, const std::string& text) {
  std::memcpy(volume.bytes().data() + at, text.data(), text.size());
}

void put_number(MemoryVolume& volume, std::size_t at, std::uint32_t number) {
  std::memcpy(volume.bytes().data() + at, &number, sizeof number);
}

TEST_F(SwapTest, AllButItsHeaderIsLeftOut) {
  const auto bytes = made("-L 'a swap'");
  if (bytes.empty()) GTEST_SKIP() << "mkswap is missing";
  const MemoryVolume volume(bytes);
  CollectedRuns runs;
  const Finding finding = examine(volume, kSwapOnly, runs);
  EXPECT_EQ(finding.kept_because, "");
  EXPECT_EQ(finding.format, "swap");
  EXPECT_EQ(finding.name, "a swap");
  EXPECT_EQ(finding.block_size, kPage);
  EXPECT_EQ(finding.used, kPage);
  EXPECT_EQ(finding.free, 63 * kPage);
  EXPECT_EQ(runs.in_order(), (std::vector<LeftOutRun>{{kPage, 63 * kPage, LeftOutKind::kSwap}}));
  CollectedRuns none;
  EXPECT_FALSE(examine(volume, {.free = true, .swap = false}, none).kept());
  EXPECT_TRUE(none.in_order().empty());
}

TEST_F(SwapTest, TheSignatureSaysHowLargeAPageIs) {
  constexpr std::size_t kSwapSize = 4'000'000;
  for (const std::size_t page : {8192U, 16384U, 65536U}) {
    const auto bytes = made("-p " + std::to_string(page), kSwapSize);
    if (bytes.empty()) GTEST_SKIP() << "mkswap is missing";
    CollectedRuns runs;
    const Finding finding = examine(MemoryVolume(bytes), kSwapOnly, runs);
    EXPECT_EQ(finding.kept_because, "");
    EXPECT_EQ(finding.block_size, page);
    EXPECT_EQ(runs.in_order(),
              (std::vector<LeftOutRun>{{page, (kSwapSize / page - 1) * page, LeftOutKind::kSwap}}));
  }
}

TEST_F(SwapTest, BadPagesAreInUse) {
  const auto bytes = made("");
  if (bytes.empty()) GTEST_SKIP() << "mkswap is missing";
  MemoryVolume volume(bytes);
  put_number(volume, 1032, 3);
  put_number(volume, 1536, 9);
  put_number(volume, 1540, 63);
  put_number(volume, 1544, 1);
  CollectedRuns runs;
  const Finding finding = examine(volume, kSwapOnly, runs);
  EXPECT_EQ(finding.kept_because, "");
  EXPECT_EQ(finding.used, 4 * kPage);
  EXPECT_EQ(runs.in_order(),
            (std::vector<LeftOutRun>{{2 * kPage, 7 * kPage, LeftOutKind::kSwap},
                                     {10 * kPage, 53 * kPage, LeftOutKind::kSwap}}));
  put_number(volume, 1544, 64);
  EXPECT_EQ(examine(volume, kSwapOnly, runs).kept_because, "its header is damaged");
  put_number(volume, 1032, 1'000'000);
  EXPECT_EQ(examine(volume, kSwapOnly, runs).kept_because, "its header is damaged");
}

TEST_F(SwapTest, AMachineThatSleepsInItNeedsIt) {
  const auto bytes = made("");
  if (bytes.empty()) GTEST_SKIP() << "mkswap is missing";
  for (const std::string text : {"S1SUSPEND\0", "S2SUSPEND\0", "ULSUSPEND\0", "LINHIB0001",
                                 "\xed\xc3\x02\xe9\x98\x56\xe5\x0c"}) {
    MemoryVolume volume(bytes);
    put(volume, kPage - 10, text);
    CollectedRuns runs;
    const Finding finding = examine(volume, kSwapOnly, runs);
    EXPECT_EQ(finding.format, "swap");
    EXPECT_EQ(finding.kept_because, "a machine has been hibernated into it");
    EXPECT_TRUE(runs.in_order().empty());
  }
}

TEST_F(SwapTest, OddHeadersAreKept) {
  const auto bytes = made("");
  if (bytes.empty()) GTEST_SKIP() << "mkswap is missing";
  CollectedRuns runs;
  const auto changed = [&](std::size_t at, std::uint32_t number) {
    MemoryVolume volume(bytes);
    put_number(volume, at, number);
    return examine(volume, kSwapOnly, runs).kept_because;
  };
  EXPECT_EQ(changed(1024, 2), "it has a version that is not known here");
  EXPECT_EQ(changed(1028, 0), "its header is damaged");
  EXPECT_EQ(changed(1028, 64), "it is larger than the volume that it lies on");
  EXPECT_EQ(changed(1028, 0xffffffff), "it is larger than the volume that it lies on");
  MemoryVolume old(bytes);
  put(old, kPage - 10, "SWAP-SPACE");
  EXPECT_EQ(examine(old, kSwapOnly, runs).kept_because, "it has a version that is not known here");
  MemoryVolume two(bytes);
  put(two, 8192 - 10, "SWAPSPACE2");
  EXPECT_TRUE(examine(two, kSwapOnly, runs).kept());
  EXPECT_TRUE(examine_swap(two, kSwapOnly, runs).kept());
  EXPECT_TRUE(runs.in_order().empty());
}

// Of a machine of the other byte order.
TEST_F(SwapTest, EitherByteOrderIsRead) {
  MemoryVolume volume(std::vector<std::byte>(64 * kPage));
  put(volume, kPage - 10, "SWAPSPACE2");
  put_number(volume, 1024, __builtin_bswap32(1));
  put_number(volume, 1028, __builtin_bswap32(63));
  CollectedRuns runs;
  EXPECT_EQ(examine(volume, kSwapOnly, runs).kept_because, "");
  EXPECT_EQ(runs.in_order(), (std::vector<LeftOutRun>{{kPage, 63 * kPage, LeftOutKind::kSwap}}));
}

}  // namespace
}  // namespace qcow2stream
