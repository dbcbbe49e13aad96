// SPDX-License-Identifier: GPL-2.0-or-later
//
// Images are made by mke2fs and debugfs; dumpe2fs says what is free in them.

#include "filesystems/ext.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <sstream>

#include "filesystem_testing.h"

namespace qcow2stream {
namespace {

using testing::bytes_beyond;
using testing::CollectedRuns;
using testing::LeftOutRun;
using testing::MemoryVolume;
using testing::run_shell;
using testing::TemporaryFolder;

struct Examined {
  Finding finding;
  std::vector<LeftOutRun> runs;
};

Examined examine_bytes(std::vector<std::byte> bytes) {
  const MemoryVolume volume(std::move(bytes));
  CollectedRuns runs;
  Examined examined{.finding = examine_ext(volume, {.free = true}, runs), .runs = runs.in_order()};
  EXPECT_EQ(testing::fault_of(examined.runs, volume.size()), "");
  return examined;
}

// What dumpe2fs calls free. Of the last cluster of a run it shows only the first block.
std::vector<LeftOutRun> dumped_free(const std::filesystem::path& image, std::uint64_t block_size,
                                    std::uint64_t cluster_size) {
  const std::filesystem::path text = image.string() + ".txt";
  std::vector<LeftOutRun> runs;
  run_shell(
      fmt::format("dumpe2fs {0} | sed -n 's/^  Free blocks: //p' | tr -d , | tr ' ' '\\n' "
                  "| grep . > {1}",
                  image.string(), text.string()));
  std::ifstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream numbers(line);
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    char dash = 0;
    numbers >> first;
    if (!(numbers >> dash >> last)) last = first;
    runs.push_back({first * block_size, (last - first) * block_size + cluster_size});
  }
  return runs;
}

class Ext : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!run_shell("command -v mke2fs && command -v debugfs && command -v dumpe2fs"))
      GTEST_SKIP() << "e2fsprogs is not there";
    std::filesystem::create_directory(folder_ / "files");
    std::filesystem::create_directory(folder_ / "files/deeper");
    for (int i = 0; i < 20; ++i)
      write_file(fmt::format("files/{}", i), std::size_t{5000} * static_cast<unsigned>(i + 1));
    write_file("files/deeper/large", 700000);
    std::filesystem::create_symlink("large", folder_ / "files/deeper/link");
  }

  void write_file(const std::string& name, std::size_t length) const {
    std::ofstream(folder_ / name) << std::string(length, 'x');
  }
  [[nodiscard]] std::filesystem::path image() const { return folder_ / "image"; }

  // Makes a file system with files, some of which are deleted.
  void make(const std::string& options, const std::string& size = "16M") const {
    std::filesystem::remove(image());
    ASSERT_TRUE(run_shell(fmt::format("mke2fs -q -F {} -d {} {} {}", options,
                                      (folder_ / "files").string(), image().string(), size)))
        << options;
    debug("rm /3");
    debug("rm /17");
  }
  void debug(const std::string& request) const {
    ASSERT_TRUE(run_shell(fmt::format("debugfs -w -R '{}' {}", request, image().string())))
        << request;
  }
  // What debugfs is to do with the journal.
  void write_journal(const std::string& commands) const {
    std::ofstream(folder_ / "commands") << commands;
    ASSERT_TRUE(run_shell(
        fmt::format("debugfs -w -f {} {}", (folder_ / "commands").string(), image().string())));
  }
  [[nodiscard]] std::vector<std::byte> bytes() const { return testing::bytes_of_file(image()); }

  void expect_kept(const std::string& because) const {
    const Examined examined = examine_bytes(bytes());
    EXPECT_EQ(examined.finding.kept_because, because);
  }

  TemporaryFolder folder_;
};

TEST_F(Ext, FreeIsWhatDumpe2fsCallsFree) {
  for (const std::string options : {"-t ext2 -b 1024",
                                    "-t ext2 -b 4096 -r 0",
                                    "-t ext3 -b 1024",
                                    "-t ext3 -b 2048 -g 4096",
                                    "-t ext4",
                                    "-t ext4 -b 1024 -g 2048",
                                    "-t ext4 -O ^metadata_csum",
                                    "-t ext4 -O ^64bit",
                                    "-t ext4 -O ^metadata_csum,uninit_bg -b 1024",
                                    "-t ext4 -O ^has_journal",
                                    "-t ext4 -O meta_bg,^resize_inode -b 1024 -g 1024",
                                    "-t ext4 -O bigalloc -C 16384",
                                    "-t ext4 -O bigalloc -b 1024 -C 8192",
                                    "-t ext4 -O sparse_super2 -b 1024",
                                    "-t ext4 -O ^flex_bg -b 1024",
                                    "-t ext4 -O mmp",
                                    "-t ext4 -O inline_data",
                                    "-t ext4 -O ^extents,^64bit -b 1024",
                                    "-t ext4 -O quota,project -I 256",
                                    "-t ext4 -O ^metadata_csum,bigalloc -C 65536",
                                    "-t ext4 -b 1024 -E packed_meta_blocks=1 -G 4"}) {
    make(options);
    const Examined examined = examine_bytes(bytes());
    EXPECT_EQ(examined.finding.kept_because, "") << options;
    const std::size_t clusters = options.find("-C ");
    const std::uint64_t cluster_size = clusters == std::string::npos
                                           ? examined.finding.block_size
                                           : std::stoull(options.substr(clusters + 3));
    const auto expected = dumped_free(image(), examined.finding.block_size, cluster_size);
    EXPECT_FALSE(expected.empty()) << options;
    EXPECT_EQ(bytes_beyond(examined.runs, expected), 0U) << options;
    EXPECT_EQ(bytes_beyond(expected, examined.runs), 0U) << options;
    EXPECT_EQ(examined.finding.free, bytes_beyond(expected, {})) << options;
  }
}

TEST_F(Ext, WhatItIsCalled) {
  make("-t ext2 -L 'my files'");
  Examined examined = examine_bytes(bytes());
  EXPECT_EQ(examined.finding.format, "ext2");
  EXPECT_EQ(examined.finding.name, "my files");
  make("-t ext3 -U 01234567-89ab-cdef-0123-456789abcdef");
  examined = examine_bytes(bytes());
  EXPECT_EQ(examined.finding.format, "ext3");
  EXPECT_EQ(examined.finding.name, "01234567-89ab-cdef-0123-456789abcdef");
  make("-t ext4");
  EXPECT_EQ(examine_bytes(bytes()).finding.format, "ext4");
}

TEST_F(Ext, WhatIsBehindTheFileSystemIsInUse) {
  make("-t ext4");
  const Examined alone = examine_bytes(bytes());
  std::vector<std::byte> longer = bytes();
  longer.resize(longer.size() + 1000000);
  EXPECT_EQ(examine_bytes(longer).runs, alone.runs);
}

TEST_F(Ext, OneThatWasNotLeftCleanIsKept) {
  make("-t ext4");
  debug("ssv state 3");
  expect_kept("errors have been found in it");
  debug("ssv state 0");
  expect_kept("it was not unmounted");
  debug("ssv state 5");
  expect_kept("its recovery has not come to an end");
  debug("ssv state 1");
  debug("ssv last_orphan 12");
  expect_kept("it has files that are to be deleted");
  debug("ssv last_orphan 0");
  expect_kept("");
  debug("ssv error_count 1");
  expect_kept("errors have been found in it");
}

TEST_F(Ext, FeaturesThatAreNotKnownKeepIt) {
  make("-t ext4");
  debug("feature FEATURE_R20");
  expect_kept("it has features that are not known");
  make("-t ext4");
  debug("feature FEATURE_C20");
  expect_kept("it has features that are not known");
  make("-t ext4");
  debug("ssv creator_os 1");
  expect_kept("it is not one of Linux");
}

TEST_F(Ext, ChecksumsAndCountsMustBeRight) {
  make("-t ext4");
  std::vector<std::byte> changed = bytes();
  changed[1024 + 0x88] ^= std::byte{1};  // where it was last mounted
  EXPECT_EQ(examine_bytes(changed).finding.kept_because, "the checksum of its superblock is wrong");
  debug("ssv free_blocks_count 5");
  expect_kept("the number of free blocks in its superblock is not that of its bitmaps");
  make("-t ext2");
  debug("set_bg 0 free_blocks_count 5");
  expect_kept("the number of free blocks of a group is not that of its bitmap");
}

TEST_F(Ext, OneThatIsCutOffIsKept) {
  make("-t ext4");
  std::vector<std::byte> shorter = bytes();
  shorter.resize(shorter.size() - 4096);
  EXPECT_EQ(examine_bytes(shorter).finding.kept_because, "it is larger than its partition or disk");
  shorter.resize(1500);
  EXPECT_EQ(examine_bytes(shorter).finding.kept_because, "it has no superblock");
  shorter.clear();
  EXPECT_EQ(examine_bytes(shorter).finding.kept_because, "it has no superblock");
}

template <class Integer>
void add_at(std::vector<std::byte>& bytes, std::size_t offset, Integer more) {
  Integer value = 0;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  value = static_cast<Integer>(value + more);
  std::memcpy(bytes.data() + offset, &value, sizeof value);
}

template <class Integer>
Integer number_in(const std::vector<std::byte>& bytes, std::size_t offset) {
  Integer value = 0;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

// Where no checksum tells, a bitmap that calls a file's block free is found by the file.
TEST_F(Ext, ABitmapWithoutChecksumIsComparedWithTheFiles) {
  for (const std::string options : {"-t ext2 -b 4096", "-t ext3 -b 4096"}) {
    make(options);
    const std::vector<std::byte> clean = bytes();
    const std::size_t bitmap = std::size_t{number_in<std::uint32_t>(clean, 4096)} * 4096;
    MemoryVolume volume(clean);
    const auto change = [&](std::size_t block, int by) {
      volume.bytes()[bitmap + block / 8] ^= std::byte{static_cast<unsigned char>(1U << block % 8)};
      add_at<std::uint16_t>(volume.bytes(), 4096 + 12, static_cast<std::uint16_t>(by));
      add_at<std::uint32_t>(volume.bytes(), 1024 + 12, static_cast<std::uint32_t>(by));
    };
    int kept = 0;
    for (std::size_t block = 0; block < clean.size() / 4096; ++block) {
      const auto bits = static_cast<unsigned>(clean[bitmap + block / 8]);
      if ((bits >> block % 8 & 1U) == 0) continue;
      change(block, 1);
      CollectedRuns runs;
      const std::string because = examine_ext(volume, {.free = true}, runs).kept_because;
      change(block, -1);
      EXPECT_TRUE(because == "its block bitmaps call blocks of a file free" ||
                  because == "its block bitmaps call its own tables free")
          << block << ": " << because;
      ++kept;
    }
    EXPECT_GT(kept, 200) << options;
  }
}

// debugfs writes transactions: first one that calls all of a group used, then one that takes that
// back. What either calls used is in use.
TEST_F(Ext, EveryCopyOfABitmapInTheJournalCounts) {
  constexpr std::uint64_t kGroup = std::uint64_t{8192 + 1} * 1024;  // the first one ends there
  for (const std::string options :
       {"-t ext4 -b 1024 -J size=1 -O 64bit", "-t ext4 -b 1024 -J size=1 -O ^64bit",
        "-t ext4 -b 1024 -J size=1 -O ^metadata_csum", "-t ext3 -b 1024 -J size=1"}) {
    for (const std::string journal : {"jo", "jo -c -v 2", "jo -c -v 3"}) {
      make(options);
      const std::vector<std::byte> clean = bytes();
      const std::vector<LeftOutRun> before = examine_bytes(clean).runs;
      const std::size_t bitmap = number_in<std::uint32_t>(clean, 2048);
      std::ofstream(folder_ / "full") << std::string(1024, '\xff');
      std::ofstream was(folder_ / "was");
      for (std::size_t i = 0; i < 1024; ++i) was << static_cast<char>(clean[bitmap * 1024 + i]);
      was.close();
      write_journal(fmt::format("{0}\njw -b {1} {2}\njw -b {1} {3}\njc\n", journal, bitmap,
                                (folder_ / "full").string(), (folder_ / "was").string()));
      const Examined examined = examine_bytes(bytes());
      if (examined.finding.kept()) {
        // With checksums of whole transactions, where the file system has none.
        EXPECT_NE(journal, "jo") << examined.finding.kept_because << options;
        EXPECT_FALSE(options.ends_with("64bit")) << examined.finding.kept_because << options;
        continue;
      }
      EXPECT_EQ(bytes_beyond(examined.runs, before), 0U);
      ASSERT_FALSE(examined.runs.empty());
      EXPECT_GE(examined.runs.front().begin, kGroup) << options;
      std::vector<LeftOutRun> rest;
      for (LeftOutRun run : before) {
        if (run.end() <= kGroup) continue;
        const std::uint64_t begin = std::max(run.begin, kGroup);
        rest.push_back({begin, run.end() - begin});
      }
      EXPECT_EQ(bytes_beyond(rest, examined.runs), 0U) << options;
    }
  }
}

TEST_F(Ext, AJournalThatIsDamagedKeepsIt) {
  make("-t ext4 -b 1024 -J size=1");
  std::ofstream(folder_ / "full") << std::string(1024, '\xff');
  write_journal(
      fmt::format("jo -c -v 3\njw -b 5000 {0}\njw -b 5001 {0}\njc\n", (folder_ / "full").string()));
  const std::vector<std::byte> clean = bytes();
  EXPECT_EQ(examine_bytes(clean).finding.kept_because, "");
  // Every block of the log that begins with its magic number.
  int seen = 0;
  for (std::size_t block = 0; block < clean.size() / 1024; ++block) {
    const std::size_t at = block * 1024;
    if (number_in<std::uint32_t>(clean, at) != 0x98393bc0) continue;
    std::vector<std::byte> changed = clean;
    changed[at + 30] ^= std::byte{1};
    EXPECT_TRUE(examine_bytes(changed).finding.kept()) << block;
    ++seen;
  }
  EXPECT_GE(seen, 5);
}

TEST_F(Ext, AnExternalJournalIsNoFileSystem) {
  ASSERT_TRUE(run_shell(fmt::format("mke2fs -q -F -O journal_dev {} 8M", image().string())));
  expect_kept("it is the journal of another file system");
}

}  // namespace
}  // namespace qcow2stream
