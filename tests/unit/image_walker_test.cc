// SPDX-License-Identifier: GPL-2.0-or-later
//
// The oracle itself: it finds what is wrong with an image.

#include "image_walker.h"

#include <gtest/gtest.h>

#include "testing.h"

namespace qcow2stream::testing {
namespace {

void walk(const std::vector<std::byte>& image) {
  ImageWalker walker(image, image.size());
  walker.walk([](GuestCluster, std::uint64_t, std::uint64_t) {});
  walker.check_refcounts();
}

// One cluster of data, some of compressed data, clusters of 512 bytes.
std::vector<std::byte> good_image() {
  std::vector<std::byte> bytes(std::size_t{20} * 512, std::byte{7});
  std::uint64_t random = 1;
  for (std::size_t i = 512; i < 1024; ++i) {
    random = random * 6364136223846793005U + 1;
    bytes[i] = static_cast<std::byte>(random >> 40);
  }
  ImageOptions options{.cluster_size = 512};
  options.compression = Compression{};
  return read_all(make_image(std::make_shared<MemoryDisk>(std::move(bytes)), options));
}

class ImageWalkerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ImageWalker walker(image_, image_.size());
    const auto l1 = load_big<std::uint64_t>(&image_[walker.header().l1_offset.value()]);
    l2_ = qcow2::entry_offset(l1).value();
    const std::uint64_t table = walker.header().refcount_table_offset.value();
    refcounts_ = load_big<std::uint64_t>(&image_[table]);
    ASSERT_NO_THROW(walk(image_));
  }

  // Whether the image is still good with this word in it.
  [[nodiscard]] bool good_with(std::uint64_t at, std::uint64_t change) const {
    auto changed = image_;
    store_big(&changed[at], load_big<std::uint64_t>(&changed[at]) ^ change);
    try {
      walk(changed);
      return true;
    } catch (const std::exception&) {
      return false;
    }
  }

  std::vector<std::byte> image_ = good_image();
  std::uint64_t l2_ = 0;
  std::uint64_t refcounts_ = 0;
};

TEST_F(ImageWalkerTest, FindsWrongRefcounts) {
  EXPECT_TRUE(good_with(refcounts_, 0));
  for (std::uint64_t bit = 0; bit < 64; ++bit) EXPECT_FALSE(good_with(refcounts_, 1ULL << bit));
  EXPECT_FALSE(good_with(refcounts_ + 512 - 8, 1));  // behind the image's end
}

TEST_F(ImageWalkerTest, FindsWrongEntries) {
  constexpr std::uint64_t kData = 1;  // the others are compressed
  EXPECT_FALSE(good_with(l2_ + kData * 8, qcow2::kCopied));
  EXPECT_FALSE(good_with(l2_ + kData * 8, qcow2::kCompressedFlag));
  EXPECT_FALSE(good_with(l2_ + kData * 8, 512));
  EXPECT_FALSE(good_with(l2_ + kData * 8, 1ULL << 60));
  EXPECT_FALSE(good_with(l2_, qcow2::kCopied));
  EXPECT_FALSE(good_with(l2_ + 16, qcow2::kCompressedFlag));
  EXPECT_FALSE(good_with(l2_, 1ULL << 61));  // more sectors than there are
  EXPECT_FALSE(good_with(l2_ + 504, 1));     // a cluster that the disk does not have
}

TEST_F(ImageWalkerTest, FindsClustersThatNobodyUses) {
  auto longer = image_;
  longer.resize(image_.size() + 512);
  EXPECT_THROW(walk(longer), std::runtime_error);
  longer.resize(image_.size() - 512);
  EXPECT_THROW(walk(longer), std::runtime_error);
}

}  // namespace
}  // namespace qcow2stream::testing
