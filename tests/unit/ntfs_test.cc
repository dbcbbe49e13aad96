// SPDX-License-Identifier: GPL-2.0-or-later
//
// Images are made by mkntfs; ntfscat shows the $Bitmap in them, ntfscp writes files.

#include "filesystems/ntfs.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <fstream>

#include "filesystem_testing.h"
#include "filesystems/ntfs_record.h"

namespace qcow2stream {
namespace {

using testing::CollectedRuns;
using testing::LeftOutRun;
using testing::MemoryVolume;
using testing::run_shell;
using testing::TemporaryFolder;

struct ExaminedNtfs {
  Finding finding;
  std::vector<LeftOutRun> runs;
};

ExaminedNtfs examine_image(std::vector<std::byte> bytes, bool swap = false) {
  const MemoryVolume volume(std::move(bytes));
  CollectedRuns runs;
  ExaminedNtfs examined{.finding = examine_ntfs(volume, {.free = true, .swap = swap}, runs),
                        .runs = runs.in_order()};
  EXPECT_EQ(testing::fault_of(examined.runs, volume.size()), "");
  return examined;
}

class Ntfs : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!run_shell("command -v mkntfs && command -v ntfscat && command -v ntfscp"))
      GTEST_SKIP() << "the tools of ntfs-3g are not there";
  }

  [[nodiscard]] std::filesystem::path image() const { return folder_ / "image"; }
  void make(const std::string& options, std::uint64_t size = 8 << 20) const {
    std::filesystem::remove(image());
    std::ofstream(image()).close();
    std::filesystem::resize_file(image(), size);
    ASSERT_TRUE(run_shell(fmt::format("mkntfs -F -Q -T {} {}", options, image().string())))
        << options;
    for (int i = 0; i < 10; ++i) {
      write(fmt::format("file{}", i),
            std::string(std::size_t{3000} * static_cast<unsigned>(i + 1), 'x'));
    }
  }
  void write(const std::string& name, const std::string& content) const {
    std::ofstream(folder_ / "content") << content;
    ASSERT_TRUE(run_shell(
        fmt::format("ntfscp -f {} {} {}", image().string(), (folder_ / "content").string(), name)));
  }
  [[nodiscard]] std::vector<std::byte> bytes() const { return testing::bytes_of_file(image()); }

  // What $Bitmap calls free.
  [[nodiscard]] std::vector<LeftOutRun> shown_free(std::uint64_t cluster_size) const {
    run_shell(fmt::format("ntfscat -f {} '$Bitmap' > {}", image().string(),
                          (folder_ / "bitmap").string()));
    const auto bitmap = testing::bytes_of_file(folder_ / "bitmap");
    std::vector<LeftOutRun> runs;
    for (std::size_t i = 0; i < 8 * bitmap.size(); ++i) {
      if ((static_cast<unsigned>(bitmap[i / 8]) >> i % 8 & 1U) != 0) continue;
      if (!runs.empty() && runs.back().end() == i * cluster_size) {
        runs.back().length += cluster_size;
      } else {
        runs.push_back({i * cluster_size, cluster_size});
      }
    }
    return runs;
  }

  TemporaryFolder folder_;
};

TEST_F(Ntfs, FreeIsWhatTheBitmapCallsFree) {
  for (const std::string options :
       {"-c 512", "-c 4096", "-c 1024", "-c 65536", "-s 4096 -c 4096", "-s 1024 -c 8192"}) {
    make(options);
    const ExaminedNtfs examined = examine_image(bytes());
    EXPECT_EQ(examined.finding.kept_because, "") << options;
    EXPECT_EQ(examined.finding.format, "ntfs");
    EXPECT_FALSE(examined.runs.empty());
    EXPECT_EQ(examined.runs, shown_free(examined.finding.block_size)) << options;
  }
}

TEST_F(Ntfs, WhatItIsCalled) {
  make("-L 'my files'");
  EXPECT_EQ(examine_image(bytes()).finding.name, "my files");
  make("");
  EXPECT_EQ(examine_image(bytes()).finding.name.size(), 16U);
}

TEST_F(Ntfs, OneThatIsCutOffIsKept) {
  make("");
  std::vector<std::byte> shorter = bytes();
  shorter.resize(shorter.size() - 8192);
  EXPECT_EQ(examine_image(shorter).finding.kept_because, "it is larger than its partition or disk");
  shorter.resize(100);
  EXPECT_TRUE(examine_image(shorter).finding.kept());
}

// The record of a file of the system: its number and, behind that, its attributes.
std::size_t record_at(const std::vector<std::byte>& bytes, std::size_t number) {
  std::uint64_t cluster = 0;
  std::memcpy(&cluster, bytes.data() + 0x30, sizeof cluster);
  return cluster * 4096 + number * 1024;
}

TEST_F(Ntfs, ADirtyVolumeIsKept) {
  make("-c 4096");
  std::vector<std::byte> changed = bytes();
  // $Volume is record 3; its attribute 0x70 holds the flags, 10 bytes into the value.
  const std::size_t record = record_at(changed, 3);
  std::size_t at = record + static_cast<std::size_t>(changed[record + 0x14]);
  while (changed[at] != std::byte{0x70}) at += static_cast<std::size_t>(changed[at + 4]);
  changed[at + 24 + 10] |= std::byte{1};
  // The mirror of the file table has the same record.
  std::uint64_t mirror = 0;
  std::memcpy(&mirror, changed.data() + 0x38, sizeof mirror);
  changed[mirror * 4096 + 3072 + (at - record) + 24 + 10] |= std::byte{1};
  EXPECT_EQ(examine_image(changed).finding.kept_because,
            "it was not unmounted, or damage has been found");
}

TEST_F(Ntfs, AHibernatedWindowsKeepsAll) {
  for (const std::string begin : {"hibr", "HIBR", "RSTR", "what"}) {
    make("");
    write("hiberfil.sys", begin + std::string(20000, 'x'));
    EXPECT_EQ(examine_image(bytes()).finding.kept_because, "Windows is hibernated in it") << begin;
  }
  for (const std::string& begin : {std::string("wake"), std::string(4, '\0')}) {
    make("");
    write("hiberfil.sys", begin + std::string(20000, 'x'));
    EXPECT_EQ(examine_image(bytes()).finding.kept_because, "");
  }
}

// Sets attributes in the standard information of the record of a file with that name.
void set_file_attributes(std::vector<std::byte>& bytes, const std::string& name,
                         std::uint32_t attributes) {
  std::string wide;
  for (const char c : name) wide += {c, '\0'};
  const std::size_t table = record_at(bytes, 0);
  for (std::size_t number = 24; number < 200; ++number) {
    const auto record = bytes.begin() + static_cast<std::ptrdiff_t>(table + number * 1024);
    const auto letters = std::as_bytes(std::span(wide));
    if (std::memcmp(&*record, "FILE", 4) != 0 ||
        std::search(record, record + 1024, letters.begin(), letters.end()) == record + 1024)
      continue;
    const auto at = record + static_cast<std::ptrdiff_t>(record[0x14]);
    ASSERT_EQ(at[0], std::byte{0x10});
    std::memcpy(&at[24 + 0x20], &attributes, sizeof attributes);
    return;
  }
  FAIL() << name;
}

TEST_F(Ntfs, SwapFilesOfWindowsAreLeftOutIfThatIsWanted) {
  make("-c 4096");
  write("pagefile.sys", std::string(100000, 'x'));
  write("SwapFile.sys", std::string(50000, 'x'));
  const ExaminedNtfs visible = examine_image(bytes(), true);
  EXPECT_EQ(visible.finding.kept_because, "");
  EXPECT_EQ(visible.runs, examine_image(bytes()).runs) << "not a file of Windows";

  std::vector<std::byte> changed = bytes();
  set_file_attributes(changed, "pagefile.sys", 0x26);
  set_file_attributes(changed, "SwapFile.sys", 0x26);
  const ExaminedNtfs examined = examine_image(changed, true);
  EXPECT_EQ(examined.finding.kept_because, "");
  std::uint64_t swap = 0;
  for (const LeftOutRun& run : examined.runs) {
    if (run.kind != LeftOutKind::kSwap) continue;
    swap += run.length;
    for (std::uint64_t i = run.begin; i < run.end(); ++i) {
      ASSERT_TRUE(changed[i] == std::byte{'x'} || changed[i] == std::byte{0});
    }
  }
  EXPECT_EQ(swap, 25 * 4096U + 13 * 4096U);
  EXPECT_EQ(examine_image(changed).runs, visible.runs);
}

TEST_F(Ntfs, ADumpOfACrashIsNotLeftOut) {
  make("-c 4096");
  write("pagefile.sys", "PAGEDU64" + std::string(100000, 'x'));
  std::vector<std::byte> changed = bytes();
  set_file_attributes(changed, "pagefile.sys", 0x26);
  EXPECT_EQ(examine_image(changed, true).runs, examine_image(changed).runs);
}

// No checksum protects $Bitmap, but every cluster of a file is found by its record.
TEST_F(Ntfs, TheBitmapIsComparedWithTheFileTable) {
  make("-c 4096", 2 << 20);
  const std::vector<std::byte> clean = bytes();
  const std::uint64_t cluster_size = 4096;
  const auto free = shown_free(cluster_size);
  run_shell(
      fmt::format("ntfscat -f {} '$Bitmap' > {}", image().string(), (folder_ / "bitmap").string()));
  const auto bitmap = testing::bytes_of_file(folder_ / "bitmap");
  const auto place = std::search(clean.begin(), clean.end(), bitmap.begin(), bitmap.end());
  ASSERT_NE(place, clean.end());
  const auto at = static_cast<std::size_t>(place - clean.begin());
  for (std::size_t i = 0; i < clean.size() / cluster_size - 1; ++i) {
    std::vector<std::byte> changed = clean;
    const std::byte bit{static_cast<unsigned char>(1U << i % 8)};
    if ((changed[at + i / 8] & bit) == std::byte{0}) continue;
    changed[at + i / 8] ^= bit;
    EXPECT_EQ(examine_image(changed).finding.kept_because,
              "its $Bitmap calls clusters of a file free")
        << i;
  }
}

TEST_F(Ntfs, ALogThatWasNotReplayedKeepsIt) {
  make("-c 4096");
  std::vector<std::byte> changed = bytes();
  // mkntfs leaves the log full of ones, which means empty. $LogFile is record 2: it is found by
  // these, 64 KiB of them.
  std::size_t at = 0;
  for (; at + 65536 <= changed.size(); at += 4096) {
    if (std::all_of(changed.begin() + static_cast<std::ptrdiff_t>(at),
                    changed.begin() + static_cast<std::ptrdiff_t>(at + 65536),
                    [](std::byte b) { return b == std::byte{0xff}; }))
      break;
  }
  ASSERT_LT(at + 65536, changed.size());
  std::memset(&changed[at], 'x', 8192);
  EXPECT_EQ(examine_image(changed).finding.kept_because, "its log has not been replayed");
}

// --- records
// ---------------------------------------------------------------------------------------

std::vector<std::byte> record_with(std::span<const std::uint8_t> pairs, std::uint64_t highest) {
  std::vector<std::byte> record(1024);
  const auto put = [&](std::size_t offset, std::uint64_t value, std::size_t length) {
    std::memcpy(record.data() + offset, &value, length);
  };
  std::memcpy(record.data(), "FILE", 4);
  put(0x14, 0x38, 2);
  put(0x16, 1, 2);
  put(0x18, 0x38 + 0x60 + 8, 4);
  put(0x38, NtfsAttribute::kData, 4);
  put(0x38 + 4, 0x60, 4);
  put(0x38 + 8, 1, 1);
  put(0x38 + 24, highest, 8);
  put(0x38 + 32, 0x40, 2);
  std::memcpy(record.data() + 0x38 + 0x40, pairs.data(), pairs.size());
  put(0x38 + 0x60, 0xffffffff, 4);
  return record;
}

TEST(NtfsRecord, RunsAreDistances) {
  // 5 clusters at 100, 3 of a hole, 2 at 100 - 60.
  constexpr std::array<std::uint8_t, 9> kPairs{0x11, 5, 100, 0x01, 3, 0x11, 2, 0x100 - 60, 0};
  const NtfsRecord record = parse_ntfs_record(30, record_with(kPairs, 9), 105);
  ASSERT_EQ(record.attributes.size(), 1U);
  EXPECT_EQ(record.attributes[0].clusters, (std::vector<UnitRun>{{100, 5}, {40, 2}}));
  EXPECT_TRUE(record.attributes[0].has_holes);
  EXPECT_EQ(record.file, 30U);
  EXPECT_ANY_THROW(parse_ntfs_record(30, record_with(kPairs, 8), 105)) << "not all of them";
  EXPECT_ANY_THROW(parse_ntfs_record(30, record_with(kPairs, 9), 104)) << "behind the end";
}

TEST(NtfsRecord, NothingIsReadBeyondARecord) {
  constexpr std::array<std::uint8_t, 4> kPairs{0x11, 5, 100, 0};
  const std::vector<std::byte> good = record_with(kPairs, 4);
  for (std::size_t i = 0; i < 0xa0; ++i) {
    for (const unsigned mask : {255U, 1U, 128U}) {
      std::vector<std::byte> bad = good;
      bad[i] ^= std::byte{static_cast<unsigned char>(mask)};
      try {
        for (const NtfsAttribute& attribute : parse_ntfs_record(30, bad, 1000).attributes) {
          for (const UnitRun& run : attribute.clusters) EXPECT_LE(run.end(), 1000U);
        }
      } catch (const std::exception&) {
        // as it should be
      }
    }
  }
}

}  // namespace
}  // namespace qcow2stream
