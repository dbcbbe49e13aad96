// SPDX-License-Identifier: GPL-2.0-or-later

#include <gtest/gtest.h>

#include <random>

#include "filesystems/crc32c.h"
#include "filesystems/xfs.h"
#include "volume_testing.h"

namespace qcow2stream {
namespace {

using testing::ChangedVolume;
using testing::CollectedRuns;
using testing::FileVolume;
using testing::LeftOutRun;
using testing::output_of;
using testing::run_shell;

constexpr Kinds kFreeOnly{.free = true, .swap = false};

struct Examined {
  Finding finding;
  std::vector<LeftOutRun> runs;
};

Examined examine_volume(const Volume& volume) {
  CollectedRuns runs;
  Examined examined{examine_xfs(volume, kFreeOnly, runs), {}};
  examined.runs = runs.in_order();
  EXPECT_EQ(testing::fault_of(examined.runs, volume.size()), "");
  return examined;
}

class XfsTest : public ::testing::Test {
 public:
  void SetUp() override {
    if (!run_shell("command -v mkfs.xfs && command -v xfs_db"))
      GTEST_SKIP() << "mkfs.xfs or xfs_db is missing";
  }

 protected:
  // A file system with some files in it.
  void make(const std::string& options, const std::string& size = "64M") const {
    const std::string proto = (folder_ / "proto").string();
    ASSERT_TRUE(run_shell("head -c 3000000 /dev/urandom >" + (folder_ / "file").string()));
    ASSERT_TRUE(
        run_shell("printf '/\\n0 0\\nd--755 0 0\\na ---644 0 0 %s\\nd d--755 0 0\\n"
                  "b ---644 0 0 %s\\n$\\n$\\n' " +
                  (folder_ / "file").string() + " " + (folder_ / "file").string() + " >" + proto));
    ASSERT_TRUE(run_shell("rm -f " + image() + "; truncate -s " + size + " " + image() +
                          "; mkfs.xfs -q -f --unsupported -p " + proto + " " + options + " " +
                          image()))
        << options;
  }
  [[nodiscard]] std::string image() const { return (folder_ / "image").string(); }
  // As xfs_db -x -c COMMAND -c COMMAND.
  void change(const std::string& commands) const {
    ASSERT_TRUE(run_shell("xfs_db -x " + commands + " " + image())) << commands;
  }
  // In blocks: with what is kept ready for trees, which xfs_db calls free, too.
  [[nodiscard]] std::uint64_t free_by_xfs_db() const {
    return std::stoull(output_of("xfs_db -r -c 'freesp -s' " + image() +
                                 " | awk '/total free blocks/{print $4}'"));
  }
  [[nodiscard]] std::string kept_because() const {
    return examine_volume(FileVolume(image())).finding.kept_because;
  }

  testing::TemporaryFolder folder_;
};

TEST(Crc32c, IsTheOneOfTheStandard) {
  const std::string digits = "123456789";
  EXPECT_EQ(~crc32c(~0U, std::as_bytes(std::span(digits))), 0xe3069283U);
}

TEST_F(XfsTest, WhatItsTreesHoldIsFree) {
  for (const std::string options :
       {"", "-b size=1024", "-m crc=0", "-m crc=0 -b size=512", "-s size=4096",
        "-m rmapbt=1,reflink=1", "-m finobt=0,reflink=0", "-d agcount=1", "-d agcount=4",
        "-i size=2048 -n size=8192", "-m crc=0 -l lazy-count=0", "-m crc=0 -l version=1",
        "-l sunit=64", "-m bigtime=1,inobtcount=1"}) {
    SCOPED_TRACE(options);
    make("-L 'a\xc3\xa4' " + options);
    const FileVolume volume(image());
    const Examined examined = examine_volume(volume);
    EXPECT_EQ(examined.finding.kept_because, "");
    EXPECT_EQ(examined.finding.format, "xfs");
    EXPECT_EQ(examined.finding.name, "a\\xc3\\xa4");
    const std::uint64_t block = examined.finding.block_size;
    const std::uint64_t wanted = free_by_xfs_db() * block;
    EXPECT_LE(examined.finding.free, wanted);
    EXPECT_GE(examined.finding.free, wanted - wanted / 100);
    EXPECT_EQ(testing::sum_of(examined.runs), examined.finding.free);
    EXPECT_EQ(examined.finding.used + examined.finding.free, volume.size());
  }
}

TEST_F(XfsTest, NothingIsHandedOverThatNobodyWants) {
  make("");
  CollectedRuns runs;
  EXPECT_EQ(examine_xfs(FileVolume(image()), {.free = false, .swap = true}, runs).kept_because, "");
  EXPECT_TRUE(runs.in_order().empty());
}

TEST_F(XfsTest, BlocksThatAreKeptReadyForTreesAreInUse) {
  make("");
  const std::string list = output_of("xfs_db -r -c 'agf 0' -c 'p flcount' " + image());
  ASSERT_EQ(list.rfind("flcount = ", 0), 0U);
  const Examined examined = examine_volume(FileVolume(image()));
  EXPECT_LT(examined.finding.free, free_by_xfs_db() * examined.finding.block_size);
}

TEST_F(XfsTest, ALogOnAnotherDeviceIsNotKnownToBeClean) {
  const std::string log = (folder_ / "log").string();
  ASSERT_TRUE(run_shell("truncate -s 32M " + log));
  make("-l logdev=" + log);
  EXPECT_EQ(kept_because(), "its log is on another device");
}

TEST_F(XfsTest, ARealtimeSectionLiesOnAnotherDevice) {
  const std::string realtime = (folder_ / "realtime").string();
  ASSERT_TRUE(run_shell("truncate -s 32M " + realtime));
  make("-r rtdev=" + realtime);
  EXPECT_EQ(kept_because(), "");
}

TEST_F(XfsTest, WhatIsNotKnownIsKept) {
  make("");
  change("-c 'sb 0' -c 'write -d features_incompat 0x10001'");
  EXPECT_EQ(kept_because(), "it has features that are not known here");
  make("");
  change("-c 'sb 0' -c 'write -d features_ro_compat 0x100'");
  EXPECT_EQ(kept_because(), "it has features that are not known here");
  make("");
  change("-c 'sb 0' -c 'write -d features_incompat 0x13'");
  EXPECT_EQ(kept_because(), "it needs repair");
}

TEST_F(XfsTest, CountsThatDoNotAgreeAreAReasonToKeepIt) {
  make("");
  change("-c 'sb 0' -c 'write -d fdblocks 5000'");
  EXPECT_EQ(kept_because(), "its count of free blocks does not agree with its trees");
  make("");
  change("-c 'agf 1' -c 'write -d freeblks 5'");
  EXPECT_EQ(kept_because(), "its counts of free blocks do not agree with its trees");
  make("");
  change("-c 'sb 1' -c 'write -d dblocks 5'");
  EXPECT_EQ(kept_because(), "its superblocks do not agree");
}

// Of version 4, which has no checksums, one record of one tree.
TEST_F(XfsTest, TreesThatDoNotAgreeAreAReasonToKeepIt) {
  make("-m crc=0");
  change("-c 'agf 0' -c 'addr bnoroot' -c 'write -d recs[1].startblock 3'");
  EXPECT_NE(kept_because(), "");
  make("-m crc=0");
  const std::string record =
      output_of("xfs_db -r -c 'agf 0' -c 'addr bnoroot' -c 'p recs[1]' " + image() +
                " | sed 's/.*\\[\\([0-9]*\\),\\([0-9]*\\)\\].*/\\1 \\2/'");
  SCOPED_TRACE(record);
  change("-c 'agf 0' -c 'addr bnoroot' -c 'write -d recs[1].blockcount 1'");
  EXPECT_NE(kept_because(), "");
}

TEST_F(XfsTest, ALogThatDoesNotEndInAnUnmountIsNotClean) {
  make("");
  const std::string place =
      output_of("xfs_db -r -c 'sb 0' -c 'p logstart' " + image() + " | sed 's/.* = //'");
  const std::string block = output_of("xfs_db -r -c 'convert fsblock " + place + " byte' " +
                                      image() + " | sed 's/.*(\\([0-9]*\\)).*/\\1/'");
  const FileVolume volume(image());
  ChangedVolume changed(volume);
  const std::uint64_t log = std::stoull(block);
  ASSERT_EQ(examine_volume(changed).finding.kept_because, "");
  // The flags of the operation, in the block behind the header.
  changed.flip(log + 512 + 9, 0x20);
  EXPECT_EQ(examine_volume(changed).finding.kept_because, "its log has not been replayed");
  changed.restore();
  // A block behind the end that was written in the same turn.
  changed.flip(log + std::uint64_t{40} * 512 + 3, 0x01);
  EXPECT_EQ(examine_volume(changed).finding.kept_because, "its log has not been replayed");
  changed.restore();
  changed.flip(log, 0xff);
  EXPECT_NE(examine_volume(changed).finding.kept_because, "");
}

TEST_F(XfsTest, OneThatIsLargerThanItsVolumeIsKept) {
  make("");
  const FileVolume volume(image());
  ChangedVolume changed(volume);
  changed.resize(volume.size() - 1);
  EXPECT_EQ(examine_volume(changed).finding.kept_because,
            "it is larger than the volume that it lies on");
  changed.resize(100);
  EXPECT_NE(examine_volume(changed).finding.kept_because, "");
  changed.resize(0);
  EXPECT_NE(examine_volume(changed).finding.kept_because, "");
}

// Some bytes of all that is read. (tests/by-hand/left_out_xfs.py --flips takes each.)
// In each range that is read, twice. Sanitizers take many times as long for each.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int kFlips = 6;
#else
constexpr int kFlips = 60;
#endif

TEST_F(XfsTest, AFlippedByteNeverFreesWhatIsInUse) {
  for (const std::string options : {"", "-m crc=0", "-m rmapbt=1"}) {
    SCOPED_TRACE(options);
    make(options);
    const FileVolume volume(image());
    const testing::WatchedVolume watched(volume);
    const Examined clean = examine_volume(watched);
    ASSERT_EQ(clean.finding.kept_because, "");
    ChangedVolume changed(volume);
    std::mt19937 random(7);
    for (const VolumeRange& range : watched.read_ranges()) {
      for (int i = 0; i < kFlips; ++i) {
        const std::uint64_t at = range.begin.value() + random() % range.length;
        // All that is not zero lies at the beginning of nearly every structure.
        const std::uint64_t near =
            range.begin.value() + random() % std::min<std::uint64_t>(range.length, 4096);
        for (const std::uint64_t offset : {at, near}) {
          changed.restore();
          changed.flip(offset, 1U << random() % 8);
          const Examined examined = examine_volume(changed);
          if (examined.finding.kept()) continue;
          EXPECT_EQ(testing::bytes_beyond(examined.runs, clean.runs), 0U) << offset;
        }
      }
    }
  }
}

}  // namespace
}  // namespace qcow2stream
