// SPDX-License-Identifier: GPL-2.0-or-later
//
// Which files belong to an image that is opened by its path, and as what each of them is read.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <fstream>
#include <initializer_list>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "base/endian.h"
#include "qcow2/entries.h"
#include "qcow2/header.h"
#include "qcow2/header_fields.h"
#include "qemu_testing.h"
#include "testing.h"

namespace qcow2stream {
namespace {

using testing::error_of;
using testing::make_image;
using testing::MemoryDisk;
using testing::read_all;
using testing::TestDirectory;

using Bytes = std::vector<std::byte>;

constexpr std::uint64_t kPartSize = 65536;

// Four clusters, each full of its own number; of the newer disk the second one has another.
Bytes disk_content(bool newer) {
  Bytes bytes(4 * kPartSize);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<std::byte>(1 + i / kPartSize);
  }
  if (newer) std::fill_n(bytes.begin() + kPartSize, kPartSize, std::byte{99});
  return bytes;
}

Bytes full_image() {
  return read_all(make_image(std::make_shared<MemoryDisk>(disk_content(false)), {}));
}

// What the newer disk has and the older does not.
Bytes increment(const std::string& backing_name, const std::string& format) {
  ImageOptions options;
  options.backing_file = BackingFile{.name = backing_name, .format = format};
  SurveyOptions survey;
  survey.what = Against{.base = std::make_shared<MemoryDisk>(disk_content(false))};
  return read_all(make_image(std::make_shared<MemoryDisk>(disk_content(true)), options, survey));
}

// As programs wrote images before formats were recorded.
Bytes without_backing_format(Bytes image) {
  std::array<std::byte, 4> type{};
  store_big<std::uint32_t>(type.data(), qcow2::kExtensionBackingFormat);
  const auto found = std::search(image.begin(), image.end(), type.begin(), type.end());
  EXPECT_NE(found, image.end());
  store_big<std::uint32_t>(&*found, 0x01234567);
  return image;
}

Bytes whole_content(const Disk& disk) {
  Bytes bytes(disk.size());
  disk.read(GuestOffset(0), bytes);
  return bytes;
}

class Qcow2Files : public ::testing::Test {
 protected:
  std::string put(const std::string& name, const Bytes& bytes) {
    std::string path = directory_.file(name);
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
    return path;
  }

  TestDirectory directory_;
};

TEST_F(Qcow2Files, ABackingFileIsRelativeToTheImageThatNamesIt) {
  directory_.run("mkdir bases");
  put("bases/oldest", disk_content(false));
  put("bases/older", increment("oldest", "raw"));
  const std::string top = put("top", increment("bases/older", "qcow2"));
  EXPECT_EQ(whole_content(*open_qcow2(top).disk), disk_content(true));
}

TEST_F(Qcow2Files, WithoutAFormatABackingFileIsRaw) {
  put("base", disk_content(false));
  const std::string top = put("top", without_backing_format(increment("base", "raw")));
  EXPECT_EQ(whole_content(*open_qcow2(top).disk), disk_content(true));
}

TEST_F(Qcow2Files, WithoutAFormatNoBackingFileIsTakenForAnImage) {
  const std::string base = put("base", full_image());
  const std::string top = put("top", without_backing_format(increment("base", "qcow2")));
  EXPECT_EQ(error_of([&] { open_qcow2(top); }),
            base +
                ": begins as a qcow2 image, and no format is recorded for it: a guest may have "
                "written that; if it is one, say so with qemu-img rebase -u -F qcow2 -b 'base' '" +
                top + "'");
}

TEST_F(Qcow2Files, AChainThatLeadsBackIsRefused) {
  const std::string reason =
      ": cannot be read as qcow2: the chain of backing files leads back to it";
  const std::string alone = put("alone", increment("alone", "qcow2"));
  EXPECT_EQ(error_of([&] { open_qcow2(alone); }), alone + reason);
  put("a", increment("b", "qcow2"));
  const std::string b = put("b", increment("a", "qcow2"));
  EXPECT_EQ(error_of([&] { open_qcow2(b); }), directory_.file("b") + reason);
}

TEST_F(Qcow2Files, TheTopLeavesTheRestToThoseBelow) {
  put("oldest", disk_content(false));
  put("older", increment("oldest", "raw"));
  const std::string top = put("top", increment("older", "qcow2"));
  for (const bool oldest_is_there : {true, false}) {
    if (!oldest_is_there) directory_.run("rm oldest");
    Qcow2Options options;
    options.top = TopImages{.images = 2, .unit = kPartSize};
    const auto opened = open_qcow2(top, options);
    EXPECT_EQ(testing::changed_runs(opened), "65536+65536c");
  }
}

// A full image of two compressed clusters that cannot be compressed well, and an increment of
// smaller clusters that hides all of them but some bytes.
class HiddenClusters : public Qcow2Files {
 protected:
  static constexpr std::uint64_t kSmall = 4096;

  void SetUp() override {
    std::mt19937 random(1);
    for (std::byte& byte : old_) byte = static_cast<std::byte>(random() % 16);
    ImageOptions options;
    options.compression.emplace();
    image_ = read_all(make_image(std::make_shared<MemoryDisk>(old_), options));
    const qcow2::Header header = qcow2::decode_header(image_);
    const auto l1 = load_big<std::uint64_t>(&image_[header.l1_offset.value()]);
    l2_ = qcow2::entry_offset(l1).value();
  }

  // `visible` are of the image below.
  std::string put_chain(std::initializer_list<GuestRange> visible) {
    Bytes disk = old_;
    for (std::byte& byte : disk) byte ^= std::byte{0x80};
    for (const GuestRange& range : visible) {
      const auto begin = static_cast<std::ptrdiff_t>(range.begin.value());
      std::copy_n(old_.begin() + begin, range.length, disk.begin() + begin);
    }
    ImageOptions options;
    options.cluster_size = kSmall;
    options.backing_file = BackingFile{.name = "below", .format = "qcow2"};
    SurveyOptions survey;
    survey.what = Against{.base = std::make_shared<MemoryDisk>(old_)};
    shown_ = disk;
    put("below", image_);
    return put("top", read_all(make_image(std::make_shared<MemoryDisk>(std::move(disk)), options,
                                          survey)));
  }

  // Of the entry of the first cluster, `less` sectors fewer.
  [[nodiscard]] std::uint64_t cut_entry(std::uint64_t less) const {
    constexpr unsigned kOffsetBits = 62 - (16 - 8);
    return load_big<std::uint64_t>(&image_[l2_]) - (less << kOffsetBits);
  }

  Bytes old_ = Bytes(2 * kPartSize);
  Bytes image_;
  Bytes shown_;
  std::size_t l2_ = 0;
};

TEST_F(HiddenClusters, ShowThroughWhatIsAboveThem) {
  for (const std::uint64_t at : {std::uint64_t{0}, kSmall, kPartSize - kSmall, kPartSize}) {
    EXPECT_EQ(whole_content(*open_qcow2(put_chain({{GuestOffset(at), kSmall}})).disk), shown_);
  }
}

// What is visible of it could be decoded, and may be what is left of another cluster.
TEST_F(HiddenClusters, AreDamagedAsAWhole) {
  store_big(&image_[l2_], cut_entry(20));
  for (const std::uint64_t at : {std::uint64_t{0}, kSmall, kPartSize - kSmall}) {
    const auto disk = open_qcow2(put_chain({{GuestOffset(at), kSmall}})).disk;
    EXPECT_THROW(whole_content(*disk), Error) << at;
    EXPECT_THROW(read_all(make_image(disk, {})), Error) << at;
  }
  // All of it is hidden.
  EXPECT_EQ(whole_content(*open_qcow2(put_chain({})).disk), shown_);
}

TEST_F(HiddenClusters, AreNotThoseOfAnotherEntry) {
  store_big(&image_[l2_ + 8], cut_entry(20));
  const auto disk = open_qcow2(put_chain({{GuestOffset(kSmall), kSmall},
                                          {GuestOffset(kPartSize + kSmall), kSmall}}))
                        .disk;
  Bytes part(kSmall);
  disk->read(GuestOffset(kSmall), part);
  EXPECT_TRUE(std::ranges::equal(part, std::span(shown_).subspan(kSmall, kSmall)));
  EXPECT_THROW(disk->read(GuestOffset(kPartSize + kSmall), part), Error);
}

}  // namespace
}  // namespace qcow2stream
