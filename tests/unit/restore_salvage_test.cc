// SPDX-License-Identifier: GPL-2.0-or-later

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "base/endian.h"
#include "qcow2stream/qcow2stream.h"
#include "ram_target.h"
#include "restore_testing.h"

namespace qcow2stream {
namespace {

using testing::all_kinds;
using testing::Bytes;
using testing::disk_content;
using testing::RamTarget;
using testing::stream_of;
using testing::streamable;

// What was lost of a stream. `target` has what it gave.
std::vector<LostRange> salvage(const Bytes& image, Target& target, RestoreOptions options = {}) {
  const UniqueFd fd = stream_of(image);
  options.lost = std::make_shared<LostRanges>();
  Restore work(target, options);
  work.add({.fd = fd.get(), .name = "image"});
  work.finish();
  return options.lost->all();
}

// All of `found` is as in `disk`, but for what is lost, which is as in `otherwise`.
void expect_all_but(const std::vector<LostRange>& lost, const Bytes& found, const Bytes& disk,
                    const Bytes& otherwise) {
  Bytes expected = disk;
  for (const LostRange& one : lost) {
    const auto begin = static_cast<std::ptrdiff_t>(one.range.begin.value());
    ASSERT_LE(one.range.end().value(), disk.size());
    std::copy_n(otherwise.begin() + begin, one.range.length, expected.begin() + begin);
  }
  EXPECT_TRUE(found == expected);
}

std::uint64_t bytes_of(const std::vector<LostRange>& lost) {
  std::uint64_t sum = 0;
  for (const LostRange& one : lost) sum += one.range.length;
  return sum;
}

TEST(Salvage, LosesNothingOfASoundImage) {
  const Bytes disk = disk_content(1'000'448, 1);
  for (const ImageOptions& options : all_kinds()) {
    RamTarget target;
    EXPECT_TRUE(salvage(streamable(disk, options), target).empty());
    EXPECT_EQ(target.content(), disk);
  }
}

// Wherever it breaks off behind its header, what came is there.
TEST(Salvage, GivesWhatCameOfAStreamThatIsCutOff) {
  const Bytes disk = disk_content(1'000'448, 2);
  std::mt19937 random(2);
  for (const ImageOptions& options : all_kinds()) {
    const Bytes whole = streamable(disk, options);
    std::uint64_t least = disk.size() + 1;
    for (int i = 0; i < 30; ++i) {
      Bytes image = whole;
      image.resize(options.cluster_size + random() % (whole.size() - options.cluster_size));
      RamTarget target;
      const auto lost = salvage(image, target);
      EXPECT_TRUE(target.is_finished);
      expect_all_but(lost, target.content(), disk, Bytes(disk.size()));
      least = std::min(least, bytes_of(lost));
    }
    EXPECT_LT(least, disk.size());
  }
}

TEST(Salvage, NamesWhatATableMapsThatMakesNoSense) {
  const Bytes disk = disk_content(9'000'448, 3);
  const ImageOptions options{.cluster_size = 4096};  // an L2 table maps 2 MiB
  const Bytes whole = streamable(disk, options);
  const auto l1 = load_big<std::uint64_t>(whole.data() + 40);
  // Amid a cluster; in the header, which has passed; behind the end of the image.
  for (const std::uint64_t wrong :
       {std::uint64_t{512}, std::uint64_t{0x1000}, std::uint64_t{1} << 40}) {
    Bytes image = whole;
    const auto entry = load_big<std::uint64_t>(image.data() + l1 + 8);
    store_big<std::uint64_t>(image.data() + l1 + 8, wrong == 512 ? entry | 512 : wrong);
    RamTarget target;
    const auto lost = salvage(image, target);
    ASSERT_EQ(lost.size(), 1U);
    EXPECT_EQ(lost[0].range, (GuestRange{GuestOffset(2 << 20), 2 << 20})) << lost[0].reason;
    expect_all_but(lost, target.content(), disk, Bytes(disk.size()));
  }
}

TEST(Salvage, LeavesAloneWhatIsLostOfAnIncrement) {
  const Bytes before(1'000'448, std::byte{7});
  const Bytes disk = disk_content(before.size(), 4);
  for (const ImageOptions& options : all_kinds()) {
    const Bytes whole = streamable(disk, options);
    Bytes image = whole;
    image.resize(whole.size() / 2 + options.cluster_size / 2);
    RamTarget target(before);
    const auto lost = salvage(image, target, {.apply = true});
    EXPECT_FALSE(lost.empty());
    expect_all_but(lost, target.content(), disk, before);
  }
}

// Any wrong bytes in compressed data: QEMU, too, notices only some of them, but who notices says
// what is lost, and all else is right.
TEST(Salvage, NamesClustersThatDoNotDecode) {
  const Bytes disk = disk_content(3'000'320, 5);
  const ImageOptions options{.cluster_size = 4096, .compression = Compression{}};
  Bytes image = streamable(disk, options);
  std::mt19937 random(5);
  const std::uint64_t data = image.size() / 2;
  for (std::uint64_t at = data; at < data + 20'000; ++at) image[at] = std::byte(random());
  RamTarget target;
  const auto lost = salvage(image, target);
  ASSERT_FALSE(lost.empty());
  std::uint64_t wrong = 0;
  for (std::size_t i = 0; i < disk.size(); ++i) wrong += target.content()[i] == disk[i] ? 0U : 1U;
  EXPECT_LE(wrong, bytes_of(lost) + std::uint64_t{20'000} * 4);
  EXPECT_NE(lost[0].reason.find("in the image)"), std::string::npos) << lost[0].reason;
}

TEST(Salvage, NeedsAHeader) {
  Bytes image = streamable(disk_content(100'352, 6), {});
  image[2] = std::byte{0};
  RamTarget target;
  EXPECT_THROW(salvage(image, target), Error);
}

// Whatever is wrong, nothing is said to be there that is not, as the reader of files reads it.
TEST(Salvage, OfAnyMutationIsWhatTheReaderOfFilesGives) {
  const Bytes disk = disk_content(500'224, 7);
  std::mt19937 random(7);
  for (const ImageOptions& options : all_kinds()) {
    const Bytes whole = streamable(disk, options);
    for (int i = 0; i < 60; ++i) {
      Bytes image = whole;
      const std::uint64_t tables =
          std::min<std::uint64_t>(image.size(), 6ULL * options.cluster_size);
      for (int n = 0; n < 3; ++n) {
        image[options.cluster_size + random() % (tables - options.cluster_size)] =
            std::byte(random());
      }
      RamTarget target;
      const auto lost = salvage(image, target);
      ASSERT_EQ(target.content().size(), disk.size());
      const auto lost_there = std::make_shared<LostRanges>();
      const auto file =
          open_qcow2(std::make_shared<testing::MemoryDisk>(image), {.lost = lost_there}).disk;
      Bytes expected(disk.size());
      file->read(GuestOffset(0), expected);
      // Of a stream more may be lost: what has passed.
      expect_all_but(lost, target.content(), expected, Bytes(disk.size()));
    }
  }
}

}  // namespace
}  // namespace qcow2stream
