// SPDX-License-Identifier: GPL-2.0-or-later

#include <gtest/gtest.h>
#include <zlib.h>

#include <cstring>

#include "filesystems/examine.h"
#include "filesystems/identify.h"
#include "filesystems/volumes.h"
#include "qcow2stream/error.h"
#include "testing.h"
#include "volume_testing.h"

namespace qcow2stream {
namespace {

using testing::ChangedVolume;
using testing::CollectedRuns;
using testing::FileVolume;
using testing::kMiB;
using testing::MemoryVolume;
using testing::run_shell;

std::vector<std::byte> bytes_of(const std::string& text) {
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

// "NAME BEGIN+LENGTH" of each volume in MiB, or "NAME: WHY" of what was refused.
std::string described(const Volume& disk) {
  std::string text;
  for (const FoundVolume& found : find_volumes(disk)) {
    text += (text.empty() ? "" : "; ") + found.name;
    if (found.refused) {
      text += ": " + found.refused->kept_because;
      continue;
    }
    std::uint64_t at = 0;
    for (const Piece& piece : found.pieces) {
      EXPECT_EQ(piece.at.value(), at);
      EXPECT_LE(piece.on_disk.end().value(), disk.size());
      at += piece.on_disk.length;
      text += " " + std::to_string(piece.on_disk.begin.value() / kMiB) + "+" +
              std::to_string(piece.on_disk.length / kMiB);
    }
    EXPECT_EQ(found.volume->size(), at);
  }
  return text;
}

class VolumesTest : public ::testing::Test {
 protected:
  [[nodiscard]] std::string image() const { return (folder_ / "image").string(); }
  // A disk of 64 MiB with a table by this program.
  void make(const std::string& program, const std::string& arguments) {
    if (!run_shell("command -v " + program)) GTEST_SKIP() << program << " is missing";
    ASSERT_TRUE(run_shell("rm -f " + image() + "; truncate -s 64M " + image()));
    ASSERT_TRUE(run_shell(arguments)) << arguments;
    disk_ = std::make_unique<FileVolume>(image());
  }
  void make_gpt(const std::string& options) { make("sgdisk", "sgdisk " + options + " " + image()); }
  void make_mbr(const std::string& script) {
    make("sfdisk", "printf '" + script + "' | sfdisk " + image());
  }

  testing::TemporaryFolder folder_;
  std::unique_ptr<FileVolume> disk_;
};

TEST_F(VolumesTest, ADiskWithoutATableIsAVolume) {
  const MemoryVolume zeros(std::vector<std::byte>(2 * kMiB));
  EXPECT_EQ(described(zeros), "disk 0+2");
  CollectedRuns runs;
  const auto volumes = find_volumes(zeros);
  const Finding finding = examine(volumes.front(), {true, true}, runs);
  EXPECT_EQ(finding.format, "unknown");
  EXPECT_EQ(finding.kept_because, "what it holds is not known");
  for (const std::size_t size : {0U, 1U, 511U, 512U, 4096U, 70'000U})
    EXPECT_EQ(find_volumes(MemoryVolume(std::vector<std::byte>(size))).size(), 1U);
}

TEST_F(VolumesTest, PartitionsOfAGpt) {
  make_gpt("-n 1:2048:+10M -n 3:0:+20M");
  if (!disk_) return;
  EXPECT_EQ(described(*disk_), "partition 1 1+10; partition 3 11+20");
}

TEST_F(VolumesTest, BothCopiesOfAGptMustBeGoodAndTheSame) {
  make_gpt("-n 1:2048:+10M -n 3:0:+20M");
  if (!disk_) return;
  ChangedVolume changed(*disk_);
  const std::uint64_t end = disk_->size();
  for (const std::uint64_t offset :
       {std::uint64_t{512} + 20, std::uint64_t{512} + 16, std::uint64_t{512} + 73,
        std::uint64_t{1024} + 32, std::uint64_t{1024} + 300, end - 512, end - 512 + 40,
        end - 512 + 90, end - std::uint64_t{33} * 512 + 32}) {
    changed.restore();
    changed.flip(offset, 0x01);
    EXPECT_NE(described(changed).find("damaged"), std::string::npos) << offset;
  }
  changed.restore();
  changed.flip(446 + 4, 0xff);
  EXPECT_EQ(described(changed), "disk: its GPT has no protective boot record");
  changed.restore();
  changed.flip(512, 0xff);
  EXPECT_EQ(described(changed),
            "disk: of its partition table (GPT) there is only the copy at the end");
  changed.restore();
  changed.resize(end - 512);
  EXPECT_NE(described(changed).find("damaged"), std::string::npos);
  // A disk that has grown is not wrong.
  changed.resize(end + kMiB);
  EXPECT_EQ(described(changed), "partition 1 1+10; partition 3 11+20");
}

TEST_F(VolumesTest, AHybridTableMustAgree) {
  make_gpt("-n 1:2048:+10M -n 2:0:+20M -h 1");
  if (!disk_) return;
  EXPECT_EQ(described(*disk_), "partition 1 1+10; partition 2 11+20");
  ChangedVolume changed(*disk_);
  for (int entry = 0; entry < 4; ++entry) {
    const std::uint64_t at = 446 + 16 * static_cast<std::uint64_t>(entry);
    std::byte type{};
    disk_->read(VolumeOffset(at + 4), std::span(&type, 1));
    if (type == std::byte{0} || type == std::byte{0xee}) continue;
    changed.flip(at + 12, 0x01);
    EXPECT_EQ(described(changed), "disk: its two partition tables (GPT and MBR) do not agree");
  }
}

TEST_F(VolumesTest, PartitionsOfABootRecord) {
  make_mbr(
      "start=2048,size=10M,type=83\\nstart=22528,size=20M,type=5\\n"
      "start=63488,size=1M,type=7\\nstart=24576,size=5M,type=83\\n"
      "start=36864,size=4M,type=83\\n");
  if (!disk_) return;
  EXPECT_EQ(described(*disk_),
            "partition 1 1+10; partition 3 31+1; partition 5 12+5; partition 6 18+4");
}

TEST_F(VolumesTest, ABootRecordThatLiesMakesNoVolumes) {
  make_mbr(
      "start=2048,size=10M,type=83\\nstart=22528,size=20M,type=5\\n"
      "start=63488,size=1M,type=7\\nstart=24576,size=5M,type=83\\n"
      "start=36864,size=4M,type=83\\n");
  if (!disk_) return;
  ChangedVolume changed(*disk_);
  const auto with = [&](std::uint64_t offset, std::vector<std::byte> bytes) {
    ChangedVolume other(*disk_);
    other.write(offset, bytes);
    return described(other);
  };
  const auto number = [](std::uint32_t n) {
    std::vector<std::byte> bytes(4);
    std::memcpy(bytes.data(), &n, 4);
    return bytes;
  };
  const std::uint64_t first_link = 22528 * 512 + 446 + 16;
  EXPECT_EQ(with(446 + 12, number(22528)), "disk: partitions overlap");
  EXPECT_EQ(with(446 + 32 + 12, number(200'000)), "disk: a partition does not lie within the disk");
  EXPECT_EQ(with(446 + 32 + 8, number(0xfffffff0)),
            "disk: a partition does not lie within the disk");
  EXPECT_NE(with(446, {std::byte{1}}).find("damaged"), std::string::npos);
  EXPECT_NE(with(446 + 32 + 4, {std::byte{5}}).find("damaged"), std::string::npos);
  EXPECT_NE(with(446 + 4, {std::byte{0xee}}).find("damaged"), std::string::npos);
  // The chain of boot records: back to its beginning, behind the end, into a partition.
  EXPECT_EQ(with(first_link + 8, number(0)).find("disk: "), 0U);
  EXPECT_EQ(with(first_link + 8, number(100'000'000)).find("disk: "), 0U);
  EXPECT_EQ(with(first_link + 8, number(3000)).find("disk: "), 0U);
  EXPECT_EQ(with(22528 * 512 + 446 + 12, number(39'000)).find("disk: "), 0U);
  EXPECT_EQ(with(22528 * 512 + 510, number(0)).find("disk: "), 0U);
}

// Each record of the chain names itself as the next one.
TEST_F(VolumesTest, AChainOfBootRecordsHasAnEnd) {
  make_mbr("start=2048,size=60M,type=5\\nstart=4096,size=5M,type=83\\n");
  if (!disk_) return;
  ChangedVolume changed(*disk_);
  std::vector<std::byte> link(16);
  link[4] = std::byte{5};
  link[12] = std::byte{1};
  changed.write(2048 * 512 + 446 + 16, link);
  EXPECT_EQ(described(changed).find("disk: "), 0U);
}

TEST_F(VolumesTest, SectorsOf4096BytesAreFoundByWhatIsInThem) {
  if (!run_shell("command -v mkswap")) GTEST_SKIP() << "mkswap is missing";
  make_mbr("start=256,size=512,type=82\\n");
  if (!disk_) return;
  EXPECT_EQ(described(*disk_), "partition 1 0+0");
  ASSERT_TRUE(run_shell("truncate -s 2M " + image() + ".swap && mkswap " + image() +
                        ".swap && dd if=" + image() + ".swap of=" + image() +
                        " bs=1M seek=1 conv=notrunc"));
  EXPECT_EQ(described(FileVolume(image())), "partition 1 1+2");
}

TEST_F(VolumesTest, AGptOfSectorsOf4096Bytes) {
  if (!run_shell("command -v fdisk")) GTEST_SKIP() << "fdisk is missing";
  ASSERT_TRUE(run_shell("truncate -s 64M " + image()));
  ASSERT_TRUE(run_shell("printf 'g\\nn\\n\\n256\\n+10M\\nn\\n\\n\\n+20M\\nw\\n' | fdisk -b 4096 " +
                        image()));
  EXPECT_EQ(described(FileVolume(image())), "partition 1 1+10; partition 2 11+20");
}

TEST_F(VolumesTest, ASignatureBesideATableIsADoubt) {
  make_gpt("-n 1:2048:+10M");
  if (!disk_) return;
  ChangedVolume changed(*disk_);
  changed.write(65600, bytes_of("_BHRfS_M"));
  EXPECT_EQ(described(changed), "disk: it has a partition table and the signature of btrfs");
  make_mbr("start=2048,size=10M,type=83\\n");
  if (!disk_) return;
  ChangedVolume other(*disk_);
  other.write(1080, bytes_of("\x53\xef"));
  EXPECT_EQ(described(other), "disk: it has a partition table and the signature of ext");
}

// What is left of a file system on the disk of a virtual machine in a partition.
TEST_F(VolumesTest, ATableInAPartitionIsADoubt) {
  MemoryVolume volume(std::vector<std::byte>(4 * kMiB));
  std::memcpy(volume.bytes().data(), "XFSB", 4);
  CollectedRuns runs;
  EXPECT_EQ(examine(volume, {true, true}, runs).format, "xfs");
  volume.bytes()[446 + 4] = std::byte{0x83};
  volume.bytes()[446 + 8] = std::byte{0x08};
  volume.bytes()[446 + 12] = std::byte{0x08};
  std::memcpy(volume.bytes().data() + 510, "\x55\xaa", 2);
  EXPECT_EQ(examine(volume, {true, true}, runs).kept_because,
            "it has the signatures of xfs and a partition table");
}

// Text where a table would be.
TEST_F(VolumesTest, TheBootSectorOfAFileSystemIsNoTable) {
  MemoryVolume volume(std::vector<std::byte>(4 * kMiB));
  const auto put = [&](std::size_t at, const std::string& text) {
    std::memcpy(volume.bytes().data() + at, text.data(), text.size());
  };
  put(3, "NTFS    ");
  put(510, "\x55\xaa");
  EXPECT_EQ(described(volume), "disk 0+4");
  put(440, "a disk read error occurred. Press any key to restart. and so on    ");
  EXPECT_EQ(described(volume), "disk 0+4");
  // What could be both is neither.
  std::memset(volume.bytes().data() + 440, 0, 70);
  volume.bytes()[446 + 4] = std::byte{0x83};
  volume.bytes()[446 + 8] = std::byte{0x08};
  volume.bytes()[446 + 12] = std::byte{0x08};
  EXPECT_EQ(described(volume), "disk: it has a partition table and the signature of ntfs");
}

TEST_F(VolumesTest, FormatsAreFoundByTheirSignatures) {
  struct Case {
    std::size_t at;
    std::string text;
    std::string format;
  };
  using namespace std::string_literals;
  constexpr std::size_t kEnd = 4 * kMiB;
  for (const Case& c : std::vector<Case>{
           {65600, "_BHRfS_M", "btrfs"},
           {0, "LUKS\xba\xbe", "luks"},
           {3, "-FVE-FS-", "bitlocker"},
           {4096, "\xfc\x4e\x2b\xa9", "md"},
           {0, "\xfc\x4e\x2b\xa9", "md"},
           {kEnd - 8192, "\xfc\x4e\x2b\xa9", "md"},
           {kEnd - 65536, "\xfc\x4e\x2b\xa9", "md"},
           {kEnd - 65536, "\xa9\x2b\x4e\xfc", "md"},
           {4120, "\xc6\x85\x73\xf6\x4e\x1a\x45\xca\x82\x65\xf5\x7f\x48\xba\x6d\x81", "bcache"},
           {3, "ReFS\0"s, "refs"},
           {32, "NXSB", "apfs"},
           {1024, "\x10\x20\xf5\xf2", "f2fs"},
           {82, "FAT32   ", "vfat"},
           {3, "EXFAT   ", "exfat"},
           {32769, "CD001", "iso9660"},
           {512, "LABELONE", "lvm"},
           {131072 + 5 * 1024, "\x0c\xb1\xba\0\0\0\0\0"s, "zfs_member"},
           {kEnd - 262144 + 131072, "\x0c\xb1\xba\0\0\0\0\0"s, "zfs_member"},
           {0, "QFI\xfb", "qcow2"},
           {1030, "44", "nilfs2"},
       }) {
    SCOPED_TRACE(c.format);
    MemoryVolume volume(std::vector<std::byte>(4 * kMiB));
    std::memcpy(volume.bytes().data() + c.at, c.text.data(), c.text.size());
    const auto signatures = find_signatures(volume);
    ASSERT_EQ(signatures.size(), 1U);
    EXPECT_EQ(signatures.front().format, c.format);
    CollectedRuns runs;
    EXPECT_TRUE(examine(volume, {true, true}, runs).kept());
    if (c.at > 1024) {
      std::memcpy(volume.bytes().data(), "XFSB", 4);
      const Finding finding = examine(volume, {true, true}, runs);
      EXPECT_EQ(finding.format, c.format == "nilfs2" ? "xfs" : "unknown");
      EXPECT_TRUE(finding.kept());
    }
    EXPECT_TRUE(runs.in_order().empty());
  }
}

// --- LVM ---------------------------------------------------------------------------------------

std::uint32_t lvm_crc_of(std::span<const std::byte> bytes) {
  return ~static_cast<std::uint32_t>(::crc32(
      ~0xf597a6cfU, reinterpret_cast<const Bytef*>(bytes.data()), static_cast<uInt>(bytes.size())));
}

constexpr std::size_t kAreaAt = 4096;
constexpr std::size_t kAreaSize = 65536;

// A physical volume of 16 MiB with extents of 1 MiB from 1 MiB on.
class Physical {
 public:
  explicit Physical(const std::string& text, std::size_t text_at = 512)
      : volume_(std::vector<std::byte>(16 * kMiB)) {
    put_text(text, text_at);
    std::memcpy(at(512), "LABELONE", 8);
    put(520, std::uint64_t{1});
    put(532, std::uint32_t{32});
    std::memcpy(at(536), "LVM2 001", 8);
    std::memcpy(at(544), "abcdefghijklmnopqrstuvwxyzABCDEF", 32);
    put(576, std::uint64_t{16 * kMiB});
    put(584, std::uint64_t{kMiB});
    put(616, std::uint64_t{kAreaAt});
    put(624, std::uint64_t{kAreaSize});
    seal();
  }

  void put_text(const std::string& text, std::size_t text_at) {
    for (std::size_t i = 0; i < text.size(); ++i) {
      std::size_t place = text_at + i;
      if (place >= kAreaSize) place = place - kAreaSize + 512;
      *at(kAreaAt + place) = static_cast<std::byte>(text[i]);
    }
    std::memcpy(at(kAreaAt + 4), " LVM2 x[5A%r0N*>", 16);
    put(kAreaAt + 20, std::uint32_t{1});
    put(kAreaAt + 24, std::uint64_t{kAreaAt});
    put(kAreaAt + 32, std::uint64_t{kAreaSize});
    put(kAreaAt + 40, std::uint64_t{text_at});
    put(kAreaAt + 48, std::uint64_t{text.size()});
    put(kAreaAt + 56, lvm_crc_of(bytes_of(text)));
  }
  void seal() {
    put(528, lvm_crc_of({at(532), 492}));
    put(kAreaAt, lvm_crc_of({at(kAreaAt + 4), 508}));
  }
  std::byte* at(std::size_t offset) { return volume_.bytes().data() + offset; }
  template <class Integer>
  void put(std::size_t offset, Integer value) {
    std::memcpy(at(offset), &value, sizeof value);
  }
  MemoryVolume& volume() { return volume_; }

 private:
  MemoryVolume volume_;
};

std::string group_text(const std::string& volumes, const std::string& group = "",
                       const std::string& physical = "", const std::string& more = "") {
  return "vg {\nid = \"g\"\nseqno = 3\nformat = \"lvm2\" # informational\n"
         "status = [\"RESIZEABLE\", \"READ\", \"WRITE\"]\nflags = []\nextent_size = 2048\n"
         "max_lv = 0\nmax_pv = 0\nmetadata_copies = 0\n" +
         group +
         "physical_volumes {\npv0 {\nid = \"abcdef-ghij-klmn-opqr-stuv-wxyz-ABCDEF\"\n"
         "device = \"/dev/a \\\"b\\\"\"\nstatus = [\"ALLOCATABLE\"]\nflags = []\ndev_size = 32768\n"
         "pe_start = 2048\npe_count = 15\n" +
         physical + "}\n" + more + "}\nlogical_volumes {\n" + volumes +
         "}\n}\ncontents = \"Text Format Volume Group\"\nversion = 1\n\ndescription = \"\"\n";
}

std::string logical_text(const std::string& name, const std::string& segments,
                         const std::string& more = "") {
  return name + " {\nid = \"x\"\nstatus = [\"READ\", \"WRITE\", \"VISIBLE\"]\nflags = []\n" + more +
         segments + "}\n";
}

std::string segment_text(unsigned number, unsigned begin, unsigned count, unsigned physical,
                         const std::string& type = "striped") {
  return "segment" + std::to_string(number) + " {\nstart_extent = " + std::to_string(begin) +
         "\nextent_count = " + std::to_string(count) + "\ntype = \"" + type +
         "\"\nstripe_count = 1\nstripes = [\n\"pv0\", " + std::to_string(physical) + "\n]\n}\n";
}

const std::string kOneSegment = "segment_count = 1\n" + segment_text(1, 0, 4, 2);

std::string described_lvm(const std::string& text) {
  return described(Physical(text).volume());
}

TEST(Lvm, LinearVolumesAreVolumes) {
  const std::string text =
      group_text(logical_text("root", kOneSegment) +
                 logical_text("two", "segment_count = 2\n" + segment_text(1, 0, 2, 9) +
                                         segment_text(2, 2, 3, 6)));
  EXPECT_EQ(described_lvm(text), "LVM volume vg/root 3+4; LVM volume vg/two 10+2 7+3");
  // Around the end of the ring of text.
  EXPECT_EQ(described(Physical(text, kAreaSize - 200).volume()),
            "LVM volume vg/root 3+4; LVM volume vg/two 10+2 7+3");
  // What a run of one in two pieces is.
  Physical physical(text);
  const auto volumes = find_volumes(physical.volume());
  const auto ranges = on_disk(volumes[1], {VolumeOffset(2 * kMiB - 512), 1024});
  ASSERT_EQ(ranges.size(), 2U);
  EXPECT_EQ(ranges[0], (VolumeRange{VolumeOffset(12 * kMiB - 512), 512}));
  EXPECT_EQ(ranges[1], (VolumeRange{VolumeOffset(7 * kMiB), 512}));
  *physical.at(12 * kMiB - 1) = std::byte{1};
  *physical.at(7 * kMiB) = std::byte{2};
  std::array<std::byte, 2> read{};
  volumes[1].volume->read(VolumeOffset(2 * kMiB - 1), read);
  EXPECT_EQ(read, (std::array{std::byte{1}, std::byte{2}}));
  EXPECT_THROW(volumes[1].volume->read(VolumeOffset(5 * kMiB - 1), read), Error);
  EXPECT_THROW(volumes[1].volume->read(VolumeOffset(~0ULL), read), Error);
}

TEST(Lvm, WhatAnotherVolumeIsBuiltOnIsKept) {
  const std::string snapshot = logical_text(
      "snapshot0",
      "segment_count = 1\nsegment1 {\nstart_extent = 0\nextent_count = 4\n"
      "type = \"snapshot\"\nchunk_size = 8\norigin = \"root\"\ncow_store = \"cow\"\n}\n");
  EXPECT_EQ(
      described_lvm(group_text(
          logical_text("root", kOneSegment) +
          logical_text("cow", "segment_count = 1\n" + segment_text(1, 0, 1, 8)) +
          logical_text("other", "segment_count = 1\n" + segment_text(1, 0, 1, 9)) + snapshot)),
      "LVM volume vg/cow: another logical volume is built on it; "
      "LVM volume vg/other 10+1; "
      "LVM volume vg/root: another logical volume is built on it; "
      "LVM volume vg/snapshot0: it is a logical volume of a kind that is not known here");
}

TEST(Lvm, WhatIsNotLinearIsKept) {
  const std::string odd = "it is a logical volume of a kind that is not known here";
  const auto one = [&](const std::string& segments, const std::string& more = "") {
    return described_lvm(group_text(logical_text("root", segments, more)));
  };
  EXPECT_EQ(one("segment_count = 1\n" + segment_text(1, 0, 4, 2, "thin-pool")),
            "LVM volume vg/root: " + odd);
  EXPECT_EQ(one(kOneSegment, "lock_args = \"x\"\n"), "LVM volume vg/root: " + odd);
  const std::string odd_group = "its volume group has something that is not known here";
  EXPECT_EQ(one("segment_count = 2\n" + segment_text(1, 0, 4, 2)),
            "LVM volume vg/root: " + odd_group);
  EXPECT_EQ(one("segment_count = 2\n" + segment_text(1, 0, 4, 2) + segment_text(2, 5, 1, 8)),
            "LVM volume vg/root: " + odd_group);
  EXPECT_EQ(one("segment_count = 1\n" + segment_text(1, 0, 4, 12)),
            "LVM volume vg/root: " + odd_group);
  EXPECT_EQ(one("segment_count = 1\n" + segment_text(1, 0, 0, 1)),
            "LVM volume vg/root: " + odd_group);
  EXPECT_EQ(described_lvm(
                group_text(logical_text("root", kOneSegment) +
                           logical_text("twin", "segment_count = 1\n" + segment_text(1, 0, 4, 5)))),
            "disk: its logical volumes overlap");
}

TEST(Lvm, OddGroupsAreKept) {
  const std::string root = logical_text("root", kOneSegment);
  const std::string odd = "disk: its volume group has something that is not known here";
  EXPECT_EQ(described_lvm(group_text("")), "disk: it holds no logical volumes");
  EXPECT_EQ(described_lvm(group_text(root, "lock_type = \"sanlock\"\n")), odd);
  EXPECT_EQ(described_lvm(group_text(root, "", "new = 1\n")), odd);
  EXPECT_EQ(described_lvm(group_text(root, "", "", "pv1 {\nid = \"x\"\n}\n")),
            "disk: its volume group has more than one physical volume");
  std::string text = group_text(root);
  const auto replaced = [&](const std::string& what, const std::string& with) {
    std::string other = text;
    other.replace(other.find(what), what.size(), with);
    return described_lvm(other);
  };
  EXPECT_EQ(replaced("abcdef", "abcdeg"), odd);
  EXPECT_EQ(replaced("[\"ALLOCATABLE\"]", "[\"ALLOCATABLE\", \"MISSING\"]"), odd);
  EXPECT_EQ(replaced("\"WRITE\"]", "\"PVMOVE\"]"), odd);
  EXPECT_EQ(replaced("version = 1", "version = 2"), odd);
  EXPECT_EQ(replaced("pe_count = 15", "pe_count = 16"),
            "disk: its LVM metadata is larger than the volume that it lies on");
  EXPECT_EQ(replaced("extent_size = 2048", "extent_size = 18446744073709551615"),
            "disk: its LVM metadata is larger than the volume that it lies on");
  EXPECT_EQ(replaced("extent_size = 2048", "extent_size = 0"),
            "disk: its LVM metadata is larger than the volume that it lies on");
  const std::string form = "disk: its LVM metadata is not in a form that is known here";
  EXPECT_EQ(replaced("extent_size = 2048", "extent_size = -1"), form);
  EXPECT_EQ(replaced("extent_size = 2048", "extent_size = 99999999999999999999"), form);
  EXPECT_EQ(replaced("seqno = 3", "seqno = 3\nseqno = 4"), form);
  EXPECT_EQ(replaced("seqno = 3", "seqno 3"), form);
  EXPECT_EQ(replaced("description = \"\"", "description = \""), form);
  EXPECT_EQ(described_lvm(std::string(10'000, '{')), form);
  std::string deep;
  for (int i = 0; i < 5000; ++i) deep += "a {";
  EXPECT_EQ(described_lvm(deep), form);
}

TEST(Lvm, DamagedMetadataIsKept) {
  const std::string text = group_text(logical_text("root", kOneSegment));
  const std::string damaged = "disk: its LVM metadata is damaged";
  const auto changed = [&](std::size_t offset, bool seals) {
    Physical physical(text);
    *physical.at(offset) ^= std::byte{1};
    if (seals) physical.seal();
    return described(physical.volume());
  };
  EXPECT_EQ(changed(512 + 100, false), damaged);
  EXPECT_EQ(changed(kAreaAt + 100, false), damaged);
  EXPECT_EQ(changed(kAreaAt + 512 + 5, false), damaged);
  EXPECT_EQ(changed(616 + 4, true), damaged);
  EXPECT_EQ(changed(624 + 5, true), damaged);
  EXPECT_EQ(changed(kAreaAt + 40 + 4, true), damaged);
  EXPECT_EQ(changed(kAreaAt + 48 + 4, true), damaged);
  EXPECT_EQ(changed(kAreaAt + 64, true), "disk: its volume group is being changed");
  EXPECT_EQ(changed(kAreaAt + 60, true), "disk: it has no LVM metadata of its own");
  Physical free_one(text);
  free_one.put(kAreaAt + 40, std::uint64_t{0});
  free_one.seal();
  EXPECT_EQ(described(free_one.volume()), "disk: it belongs to no volume group");
  Physical two(text);
  std::memcpy(two.at(1024), two.at(512), 512);
  EXPECT_EQ(described(two.volume()), damaged);
}

}  // namespace
}  // namespace qcow2stream
