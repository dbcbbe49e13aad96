// SPDX-License-Identifier: GPL-2.0-or-later
//
// Magic numbers at both ends of a disk.

#include <gtest/gtest.h>

#include <cstring>
#include <string_view>

#include "qcow2stream/disk.h"
#include "qcow2stream/qemu.h"
#include "qemu_testing.h"
#include "testing.h"

namespace qcow2stream {
namespace {

using namespace std::string_view_literals;
using testing::MemoryDisk;

MemoryDisk disk_with(std::string_view text, std::size_t offset, std::size_t size) {
  std::vector<std::byte> bytes(size);
  std::memcpy(&bytes[offset], text.data(), text.size());
  return MemoryDisk(bytes);
}

TEST(Magic, OfAnImageAtItsStart) {
  EXPECT_EQ(image_magic(disk_with("QFI\xfb\0\0\0\x03"sv, 0, 8)), "qcow2");
  EXPECT_EQ(image_magic(disk_with("QFI\xfb\0\0\0\x01"sv, 0, 4096)), "qcow");
  EXPECT_EQ(image_magic(disk_with("\x7f\x10\xda\xbe"sv, 64, 68)), "vdi");
  EXPECT_EQ(image_magic(disk_with("conectix"sv, 0, 4096)), "vpc");
  EXPECT_EQ(image_magic(disk_with("QFI"sv, 0, 3)), std::nullopt);
  EXPECT_EQ(image_magic(disk_with("QFI\xfb"sv, 1, 4096)), std::nullopt);
  EXPECT_EQ(image_magic(MemoryDisk({})), std::nullopt);
}

TEST(Magic, OfAnImageAtItsEnd) {
  for (const std::size_t size : {512U, 513U, 1024U, 1'000'001U}) {
    EXPECT_EQ(image_trailer(disk_with("koly"sv, size - 512, size)), "dmg") << size;
    EXPECT_EQ(image_trailer(disk_with("conectix"sv, size - 512, size)), "vpc") << size;
    EXPECT_EQ(image_trailer(disk_with("koly"sv, size - 511, size)), std::nullopt) << size;
    EXPECT_EQ(image_trailer(disk_with("QFI\xfb"sv, size - 512, size)), std::nullopt) << size;
  }
  EXPECT_EQ(image_trailer(disk_with("koly"sv, 0, 511)), std::nullopt);
  EXPECT_EQ(image_trailer(MemoryDisk({})), std::nullopt);
}

TEST(Magic, OfWhatIsCompressed) {
  EXPECT_EQ(compression_magic(disk_with("\x1f\x8b\x08"sv, 0, 3)), "gzip");
  EXPECT_EQ(compression_magic(disk_with("\x28\xb5\x2f\xfd"sv, 0, 9)), "zstd");
  EXPECT_EQ(compression_magic(disk_with("\xfd"
                                        "7zXZ\0"sv,
                                        0, 9)),
            "xz");
  EXPECT_EQ(compression_magic(disk_with("\x04\x22\x4d\x18"sv, 0, 9)), "lz4");
  EXPECT_EQ(compression_magic(disk_with("BZh9\x31\x41\x59\x26\x53\x59"sv, 0, 99)), "bzip2");
  EXPECT_EQ(compression_magic(disk_with("BZh1\x17\x72\x45\x38\x50\x90"sv, 0, 14)), "bzip2");
  EXPECT_EQ(compression_magic(disk_with("BZh91AY"sv, 0, 99)), std::nullopt);
  EXPECT_EQ(compression_magic(disk_with("\x1f\x8b"sv, 0, 99)), std::nullopt);
  EXPECT_EQ(compression_magic(MemoryDisk({})), std::nullopt);
}

TEST(Magic, WhatOnlyEndsLikeAnImageHasNoFormat) {
  if (!testing::installed("qemu-img")) GTEST_SKIP() << "qemu-img is not installed";
  const testing::TestDirectory directory;
  directory.run("printf koly > disk.img; truncate -s 512 disk.img; truncate -s 4k zeros.img");
  directory.run("cp disk.img disk.dmg; qemu-img create -q -f qcow2 disk.qcow2 1M");
  EXPECT_EQ(probe_format(directory.file("zeros.img")), "raw");
  EXPECT_EQ(probe_format(directory.file("disk.qcow2")), "qcow2");
  EXPECT_EQ(probe_format(directory.file("disk.dmg")), "dmg");
  try {
    probe_format(directory.file("disk.img"));
    FAIL() << "taken for raw";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kFailed);
    EXPECT_EQ(error.advice(), Advice::kNameFormat);
  }
}

}  // namespace
}  // namespace qcow2stream
