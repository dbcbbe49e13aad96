// SPDX-License-Identifier: GPL-2.0-or-later
//
// What the dirty bitmap of an image marks, read from images that our own writer made, and what is
// said of damaged ones.

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/endian.h"
#include "bitmap_testing.h"
#include "qcow2/header.h"
#include "qcow2/header_fields.h"
#include "qcow2stream/error.h"
#include "qcow2stream/qcow2.h"
#include "qemu_testing.h"
#include "testing.h"

namespace qcow2stream {
namespace {

using testing::DiskWithBitmaps;
using testing::MemoryBitmaps;

constexpr std::uint64_t kDiskSize = 1 << 20;

// An image of a disk whose first byte is its only one, with two bitmaps of 16 bits each.
class DirtyBitmap : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto bitmaps = std::make_shared<MemoryBitmaps>(
        std::vector<testing::NamedBits>{
            {.bitmap = {.name = "some", .granularity_bits = 16, .is_active = true},
             .bytes = {std::byte{0x05}, std::byte{0x80}}},
            {.bitmap = {.name = "all", .granularity_bits = 16},
             .bytes = {std::byte{0xff}, std::byte{0xff}}},
        },
        true);
    image_ = testing::read_all(testing::make_image(
        std::make_shared<DiskWithBitmaps>(kDiskSize, bitmaps), {.bitmaps = true}));
    directory_ = qcow2::decode_header(image_).bitmaps->range.begin.value();
  }

  // What the bitmap marks, as "0+65536c 131072+65536z" for content and zeros; else the reason.
  [[nodiscard]] std::string marked(const std::string& name) const {
    Qcow2Options options;
    options.bitmap = name;
    try {
      const auto opened = open_qcow2(std::make_shared<testing::MemoryDisk>(image_), options);
      return testing::changed_runs(opened);
    } catch (const Error& error) {
      return error.what_failed() + ": " + error.reason();
    }
  }

  std::vector<std::byte> image_;
  std::size_t directory_ = 0;  // of its bitmaps, the first of which is "some"
};

TEST_F(DirtyBitmap, MarksByTheLowestBitFirst) {
  EXPECT_EQ(marked("some"), "0+65536c 131072+65536z 983040+65536z");
  EXPECT_EQ(marked("all"), "0+65536c 65536+983040z");
}

TEST_F(DirtyBitmap, HasItsName) {
  EXPECT_EQ(marked("qemu:dirty-bitmap:some"), marked("some"));
  EXPECT_EQ(marked("another"), "has no dirty bitmap 'another': there is 'some', 'all'");
}

TEST_F(DirtyBitmap, ThatWasNotSavedSaysNothing) {
  image_[directory_ + 15] |= std::byte{1};
  EXPECT_EQ(marked("some"),
            "its dirty bitmap 'some' cannot be used: it was not saved when the image was last in "
            "use, so changes are missing in it");
  EXPECT_EQ(marked("all"), "0+65536c 65536+983040z");
}

TEST_F(DirtyBitmap, ThatWasNotKeptUpSaysNothing) {
  image_[qcow2::kAutoclearAt + 7] &= ~std::byte{1};
  EXPECT_EQ(marked("all"),
            "its dirty bitmap 'all' cannot be used: a program that does not know bitmaps has "
            "written to the image since");
}

// QEMU: check_dir_entry(); an image with such a directory is not opened at all.
TEST_F(DirtyBitmap, WithAnUnknownFlagOrTypeIsDamage) {
  const auto whole = image_;
  const std::string damaged = "cannot be read as qcow2: its bitmap directory is damaged";
  image_[directory_ + 15] |= std::byte{4};
  EXPECT_EQ(marked("all"), damaged);
  image_ = whole;
  image_[directory_ + 16] = std::byte{2};
  EXPECT_EQ(marked("all"), damaged);
}

TEST_F(DirtyBitmap, WithReservedBitsInItsTableIsDamage) {
  const auto table = load_big<std::uint64_t>(&image_[directory_]);
  for (const unsigned bit : {1U, 8U, 56U, 63U}) {
    const auto whole = image_;
    const auto entry = load_big<std::uint64_t>(&image_[table]);
    store_big(&image_[table], entry | std::uint64_t{1} << bit);
    EXPECT_EQ(marked("some"), "its dirty bitmap 'some' cannot be used: its table is damaged")
        << bit;
    image_ = whole;
  }
}

}  // namespace
}  // namespace qcow2stream
