// SPDX-License-Identifier: GPL-2.0-or-later

#include "qcow2stream/restore.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "base/endian.h"
#include "codec/codec.h"
#include "qcow2stream/qcow2stream.h"
#include "qemu_testing.h"
#include "ram_target.h"
#include "restore_testing.h"
#include "system/fd.h"
#include "system/io.h"
#include "testing.h"

namespace qcow2stream {
namespace {

using testing::all_kinds;
using testing::Bytes;
using testing::disk_content;
using testing::MemoryDisk;
using testing::RamTarget;
using testing::stream_of;
using testing::streamable;
using testing::TestDirectory;

Bytes file_content(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::vector<char> chars{std::istreambuf_iterator<char>(file), {}};
  const auto* begin = reinterpret_cast<const std::byte*>(chars.data());
  return {begin, begin + chars.size()};
}

RestoredImage restore(const Bytes& image, Target& target, const RestoreOptions& options = {}) {
  const UniqueFd fd = stream_of(image);
  Restore work(target, options);
  RestoredImage result = work.add({.fd = fd.get(), .name = "image"});
  work.finish();
  return result;
}

ErrorKind kind_of_failure(const Bytes& image, const RestoreOptions& options = {}) {
  RamTarget target;
  try {
    restore(image, target, options);
  } catch (const Error& error) {
    EXPECT_FALSE(target.is_finished);
    return error.kind();
  }
  ADD_FAILURE() << "no error";
  return ErrorKind::kUsage;
}

TEST(Restore, GivesBackWhatOurImagesWereMadeOf) {
  const Bytes disk = disk_content(5'000'192, 1);
  for (const ImageOptions& options : all_kinds()) {
    const Bytes image = streamable(disk, options);
    RamTarget target;
    const RestoredImage result = restore(image, target, {.spool_memory = 0});
    EXPECT_EQ(target.content(), disk);
    EXPECT_TRUE(target.is_finished);
    EXPECT_EQ(result.stream_bytes, image.size());
    EXPECT_EQ(result.spooled, 0U);
  }
}

TEST(Restore, ReplacesWhatTheTargetHolds) {
  const Bytes disk = disk_content(3'000'320, 2);
  RamTarget target(Bytes(disk.size() + 4096, std::byte{7}));
  restore(streamable(disk, {}), target);
  Bytes expected = disk;
  expected.resize(disk.size() + 4096, std::byte{7});
  EXPECT_EQ(target.content(), expected);
}

TEST(Restore, WritesOnlyWhatDiffers) {
  const Bytes disk = disk_content(3'000'320, 3);
  Bytes before = disk;
  before[5] = std::byte{99};
  before[2'000'000] = std::byte{99};
  RamTarget target(before);
  restore(streamable(disk, {}), target, {.writing = RestoreOptions::Writing::kDifferences});
  EXPECT_EQ(target.content(), disk);
  EXPECT_LE(target.written, 2 * 4096U);
}

TEST(Restore, ComparesWithoutWriting) {
  const Bytes disk = disk_content(3'000'320, 4);
  Bytes other = disk;
  other[2'000'000] = std::byte{99};
  RamTarget target(other);
  std::vector<GuestRange> differences;
  restore(streamable(disk, {}), target,
          {.writing = RestoreOptions::Writing::kNothing,
           .on_difference = [&](GuestRange range) { differences.push_back(range); }});
  ASSERT_EQ(differences.size(), 1U);
  EXPECT_EQ(differences[0], (GuestRange{GuestOffset(1'998'848), 4096}));
  EXPECT_EQ(target.content(), other);
  EXPECT_FALSE(target.is_finished);
}

TEST(Restore, WritesZerosWhereThatIsAskedFor) {
  const Bytes disk(1 << 20);
  const ImageOptions options;
  const Bytes image = testing::read_all(
      testing::make_image(std::make_shared<MemoryDisk>(disk), options, {.scan = Scan::kNone}));
  RamTarget sparse;
  restore(image, sparse);
  EXPECT_EQ(sparse.written, 0U);
  RamTarget whole;
  restore(image, whole, {.sparse = false});
  EXPECT_EQ(whole.written, disk.size());
}

TEST(Restore, TakesAPipe) {
  const Bytes disk = disk_content(9'000'448, 5);
  const Bytes image = streamable(disk, {});
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const UniqueFd reading(ends[0]);
  std::thread writer([&image, fd = UniqueFd(ends[1])] { write_full(fd.get(), image); });
  RamTarget target;
  Restore work(target, {});
  const RestoredImage result =
      work.add({.fd = reading.get(), .name = "pipe", .digests = {DigestAlgorithm::kSha256}});
  work.finish();
  writer.join();
  EXPECT_EQ(target.content(), disk);
  EXPECT_EQ(result.digests.size(), 1U);
}

// Wherever a stream breaks off, it shows.
TEST(Restore, RefusesWhatIsCutOff) {
  const Bytes disk = disk_content(1'000'448, 6);
  std::mt19937 random(6);
  for (const ImageOptions& options : all_kinds()) {
    const Bytes whole = streamable(disk, options);
    // A failed run of ours has held back a cluster, or 64 KiB, at least.
    const std::uint64_t most =
        whole.size() -
        std::min<std::uint64_t>(whole.size(), std::max(65536U, options.cluster_size));
    for (int i = 0; i < 40; ++i) {
      Bytes image = whole;
      image.resize(random() % (most + 1));
      EXPECT_EQ(kind_of_failure(image), ErrorKind::kDamaged) << image.size();
    }
  }
}

TEST(Restore, RefusesAnotherLengthThanAnnounced) {
  const Bytes image = streamable(disk_content(1 << 20, 7), {});
  for (const std::int64_t more : {-1, 1}) {
    const UniqueFd fd = stream_of(image);
    RamTarget target;
    Restore work(target, {});
    EXPECT_THROW(work.add({.fd = fd.get(),
                           .name = "image",
                           .size = image.size() + static_cast<std::uint64_t>(more)}),
                 Error);
  }
}

TEST(Restore, RefusesADiskThatIsTooLarge) {
  EXPECT_EQ(kind_of_failure(streamable(Bytes(1 << 20), {}), {.max_size = (1 << 20) - 512}),
            ErrorKind::kFailed);
}

TEST(Restore, AppliesIncrements) {
  const Bytes base = disk_content(2'000'384, 8);
  Bytes newer = base;
  for (std::size_t i = 700'000; i < 800'000; ++i) newer[i] = std::byte{5};
  for (std::size_t i = 1'000'000; i < 1'400'000; ++i) newer[i] = std::byte{0};
  newer.resize(2'300'416);
  for (const unsigned version : {2U, 3U}) {
    ImageOptions options;
    options.version = version;
    options.backing_file = BackingFile{.name = "base.qcow2", .format = "qcow2"};
    const auto base_disk = std::make_shared<MemoryDisk>(base);
    const auto disk = std::make_shared<MemoryDisk>(newer);
    const Bytes increment = testing::read_all(testing::make_image(
        disk, options,
        {.what = Against{.base = base_disk, .allocation = {}, .base_allocation = {}}}));

    RamTarget alone;
    EXPECT_EQ(kind_of_failure(increment), ErrorKind::kMismatch);
    RamTarget there(base);
    Bytes larger = base;
    larger.resize(newer.size());
    RamTarget in_place(larger);
    restore(increment, in_place, {.apply = true});
    EXPECT_EQ(in_place.content(), newer);

    RamTarget both;
    const UniqueFd first = stream_of(streamable(base, {}));
    const UniqueFd second = stream_of(increment);
    Restore work(both, {});
    work.add({.fd = first.get(), .name = "base"});
    work.add({.fd = second.get(), .name = "increment"});
    work.finish();
    EXPECT_EQ(both.content(), newer);
  }
}

class RestoreFromQemu : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!testing::installed("qemu-img")) GTEST_SKIP() << "no qemu-img";
  }

  // What QEMU reads in the image `name`.
  Bytes as_qemu_reads(const std::string& name) {
    directory_.run("rm -f raw; qemu-img convert -O raw " + name + " raw");
    return file_content(directory_.file("raw"));
  }
  Bytes file(const std::string& name) { return file_content(directory_.file(name)); }

  TestDirectory directory_;
};

// A refcount table that was moved leaves clusters of nobody in front.
// So do the ends of compressed data.
constexpr std::uint64_t kSpoolForConvert = 8 << 20;

TEST_F(RestoreFromQemu, NeedsNextToNoSpoolForWhatConvertWrites) {
  std::ofstream(directory_.file("disk"), std::ios::binary)
      .write(reinterpret_cast<const char*>(disk_content(9'000'448, 9).data()), 9'000'448);
  for (const char* options : {"-o cluster_size=4k", "-W -m 16 -o cluster_size=512", "-c",
                              "-c -W -m 16 -o cluster_size=4k", "-c -o compression_type=zstd",
                              "-o extended_l2=on,cluster_size=16k",
                              "-o preallocation=metadata,cluster_size=4k", "-o compat=0.10"}) {
    directory_.run(std::string("rm -f image; qemu-img convert -O qcow2 ") + options +
                   " -f raw disk image");
    RamTarget target;
    const RestoredImage result = restore(file("image"), target, {.spool_memory = kSpoolForConvert});
    EXPECT_EQ(target.content(), as_qemu_reads("image")) << options;
    EXPECT_LE(result.spooled, kSpoolForConvert) << options;
  }
}

// Of three blobs that share sectors the middle one belongs to a table that comes behind them, as it
// happens where clusters are written in any order.
TEST_F(RestoreFromQemu, KeepsTheSectorsThatABlobSharesWithItsNeighbours) {
  constexpr std::size_t kSmallCluster = 4096;
  constexpr std::size_t kSectorBits = 58;  // 62 - (cluster bits - 8)
  constexpr std::uint64_t kDisk = 4 << 20;
  constexpr std::uint64_t kOnlyOne = std::uint64_t{1} << 63;
  constexpr std::uint64_t kIsCompressed = std::uint64_t{1} << 62;
  Bytes image(6 * kSmallCluster);
  const auto put = [&](std::size_t at, auto value) { store_big(image.data() + at, value); };
  put(0, std::uint32_t{0x514649fb});
  put(4, std::uint32_t{3});
  put(20, std::uint32_t{12});                 // bits of an offset in a cluster
  put(24, kDisk);                             // two tables
  put(36, std::uint32_t{2});                  // entries of L1
  put(40, std::uint64_t{1 * kSmallCluster});  // L1
  put(48, std::uint64_t{5 * kSmallCluster});  // refcount table, without blocks
  put(56, std::uint32_t{1});                  // its clusters
  put(96, std::uint32_t{4});                  // refcounts of 16 bits
  put(100, std::uint32_t{104});               // header
  put(1 * kSmallCluster, std::uint64_t{2 * kSmallCluster} | kOnlyOne);
  put(1 * kSmallCluster + 8, std::uint64_t{4 * kSmallCluster} | kOnlyOne);
  const auto codec = make_codec({.type = CompressionType::kZlib}, kSmallCluster);
  std::mt19937 random(5);
  std::size_t at = 3 * kSmallCluster;
  for (const std::size_t entry : {2 * kSmallCluster, 4 * kSmallCluster, 2 * kSmallCluster + 8}) {
    Bytes cluster(kSmallCluster);
    for (std::size_t i = 0; i < 700; ++i) cluster[i] = static_cast<std::byte>(random());
    Bytes blob(kSmallCluster);
    blob.resize(codec->compress(cluster, blob));
    ASSERT_GT(blob.size(), 700U);
    std::ranges::copy(blob, image.begin() + static_cast<std::ptrdiff_t>(at));
    const std::uint64_t sectors = (at + blob.size() - 1) / 512 - at / 512;
    put(entry, at | sectors << kSectorBits | kIsCompressed);
    at += blob.size();
  }
  std::ofstream(directory_.file("image"), std::ios::binary)
      .write(reinterpret_cast<const char*>(image.data()),
             static_cast<std::streamsize>(image.size()));
  RamTarget target;
  restore(image, target, {.spool_memory = 4096});
  EXPECT_EQ(target.content(), as_qemu_reads("image"));
}

TEST_F(RestoreFromQemu, KeepsWhatComesBeforeItsTables) {
  directory_.run(
      "qemu-img create -q -f qcow2 -o cluster_size=4k image 64M;"
      "for i in 1 2 3 4 5 6 7 8; do qemu-io -c \"write -P $i $((i * 3000))k 700k\" image; done;"
      "qemu-img snapshot -c one image;"
      "qemu-io -c 'write -P 77 4M 3M' -c 'write -z 9M 100k' -c 'discard 12M 1M' image;"
      "qemu-img resize -q image 300M;"
      "qemu-io -c 'write -P 9 299M 1M' image; qemu-img snapshot -c two image;"
      "qemu-io -c 'write -P 10 5M 1M' image");
  RamTarget target;
  const RestoredImage result = restore(file("image"), target);
  EXPECT_EQ(target.content(), as_qemu_reads("image"));
  EXPECT_GT(result.spooled, 0U);
  EXPECT_EQ(result.remarks.size(), 1U);

  RamTarget again;
  RestoreOptions in_file{.spool_memory = 0, .spool_directory = "/tmp"};
  restore(file("image"), again, in_file);
  EXPECT_EQ(again.content(), target.content());

  try {
    RamTarget none;
    restore(file("image"), none, {.spool_memory = 4096});
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.advice(), Advice::kMoreSpool);
    RamTarget enough;
    restore(file("image"), enough, {.spool_memory = error.advice_number()});
    EXPECT_EQ(enough.content(), target.content());
  }
}

TEST_F(RestoreFromQemu, ChecksSoundImages) {
  directory_.run(
      "qemu-img create -q -f qcow2 -o cluster_size=4k image 64M;"
      "qemu-io -c 'write -P 1 1M 5M' -c 'write -z 2M 1M' -c 'discard 4M 100k' image;"
      "qemu-img convert -c -O qcow2 image small; qemu-img convert -c -o compression_type=zstd "
      "-O qcow2 image zstd");
  for (const char* name : {"image", "small", "zstd"}) {
    const UniqueFd fd = stream_of(file(name));
    const CheckedImage checked = check_image({.fd = fd.get(), .name = name});
    EXPECT_EQ(checked.disk_size, 64U << 20);
    EXPECT_EQ(checked.leaked_clusters, 0U) << name;
    EXPECT_GT(checked.data_clusters + checked.compressed_clusters, 0U);
  }
}

TEST(CheckImage, FindsCountsThatAreWrong) {
  const Bytes disk = disk_content(2'000'384, 10);
  for (const ImageOptions& options : all_kinds()) {
    const Bytes good = streamable(disk, options);
    const UniqueFd fd = stream_of(good);
    EXPECT_EQ(check_image({.fd = fd.get(), .name = "image"}).leaked_clusters, 0U);
  }
  Bytes image = streamable(disk, {});
  const auto table = load_big<std::uint64_t>(image.data() + 48);
  const auto block = load_big<std::uint64_t>(image.data() + table);
  const auto count = load_big<std::uint16_t>(image.data() + block + 2);
  store_big<std::uint16_t>(image.data() + block + 2, 3);
  const UniqueFd leaks = stream_of(image);
  EXPECT_EQ(check_image({.fd = leaks.get(), .name = "image"}).leaked_clusters, 1U);
  EXPECT_EQ(count, 1U);
  store_big<std::uint16_t>(image.data() + block + 2, 0);
  const UniqueFd damaged = stream_of(image);
  EXPECT_THROW(check_image({.fd = damaged.get(), .name = "image"}), Error);
}

}  // namespace
}  // namespace qcow2stream
