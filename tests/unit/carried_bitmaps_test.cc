// SPDX-License-Identifier: GPL-2.0-or-later
//
// Dirty bitmaps that an image takes over from its disk: they are in the image bit by bit, wherever
// it is read from, and our own reader of images finds them there.

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <random>

#include "bitmap_testing.h"
#include "layout/layout.h"
#include "qcow2/bitmaps.h"
#include "testing.h"

namespace qcow2stream {
namespace {

using testing::BitmapBytes;
using testing::DiskWithBitmaps;
using testing::MemoryBitmaps;
using testing::NamedBits;

NamedBits random_bits(std::mt19937& random, std::uint64_t disk_size, std::size_t number) {
  const auto below = [&](std::uint64_t n) { return random() % n; };
  NamedBits one{
      .bitmap = {.name = std::string(below(40) + 1, static_cast<char>('a' + number % 26)) +
                         std::to_string(number),
                 .granularity_bits = 9 + static_cast<unsigned>(below(12)),
                 .is_active = below(2) == 0}};
  const unsigned granularity = one.bitmap.granularity_bits;
  one.bytes.resize(qcow2::bytes_of_bitmap(disk_size, granularity));
  for (std::size_t at = 0; at < one.bytes.size();) {
    const std::size_t length = std::min<std::size_t>(below(3000) + 1, one.bytes.size() - at);
    const auto kind = below(3);
    for (std::size_t i = at; i < at + length; ++i) {
      one.bytes[i] = kind == 0 ? std::byte{0} : static_cast<std::byte>(kind == 1 ? 0xff : random());
    }
    at += length;
  }
  const std::uint64_t unused = one.bytes.size() * 8 - qcow2::bits_of_bitmap(disk_size, granularity);
  if (!one.bytes.empty()) one.bytes.back() &= std::byte{0xff} >> static_cast<int>(unused);
  return one;
}

// The bits of a bitmap as the image has them.
BitmapBytes decoded(const BitmapBytes& image, const qcow2::Geometry& geometry,
                    const qcow2::Bitmap& bitmap) {
  BitmapBytes bits;
  for (std::uint64_t i = 0; i < bitmap.table_entries; ++i) {
    std::uint64_t entry = 0;
    for (std::size_t k = 0; k < 8; ++k) {
      entry = entry << 8 |
              std::to_integer<std::uint64_t>(image[bitmap.table_offset.value() + i * 8 + k]);
    }
    const auto cluster = qcow2::decode_bitmap_cluster(entry, geometry);
    const auto at = static_cast<std::ptrdiff_t>(cluster.offset.value());
    const auto size = static_cast<std::ptrdiff_t>(geometry.cluster_size());
    switch (cluster.kind) {
      case qcow2::BitmapCluster::Kind::kStored:
        bits.insert(bits.end(), image.begin() + at, image.begin() + at + size);
        break;
      case qcow2::BitmapCluster::Kind::kOnes:
        bits.resize(bits.size() + geometry.cluster_size(), std::byte{0xff});
        break;
      case qcow2::BitmapCluster::Kind::kZeros:
        bits.resize(bits.size() + geometry.cluster_size());
        break;
      case qcow2::BitmapCluster::Kind::kInvalid:
        ADD_FAILURE() << "entry " << i;
        break;
    }
  }
  return bits;
}

void expect_bitmaps(const BitmapBytes& bytes, const ImageOptions& options, std::uint64_t disk_size,
                    const std::vector<NamedBits>& wanted) {
  const qcow2::Header header = qcow2::decode_header(std::span(bytes).first(options.cluster_size));
  const qcow2::Geometry geometry = geometry_of(options);
  RC_ASSERT(header.bitmaps.has_value());
  const HostRange range = header.bitmaps->range;
  const auto found =
      qcow2::decode_bitmap_directory(std::span(bytes).subspan(range.begin.value(), range.length),
                                     header.bitmaps->count, geometry, virtual_size_of(disk_size));
  RC_ASSERT(found.has_value());
  RC_ASSERT(found->size() == wanted.size());
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const qcow2::Bitmap& bitmap = (*found)[i];
    RC_ASSERT(bitmap.name == wanted[i].bitmap.name);
    RC_ASSERT(bitmap.granularity_bits == wanted[i].bitmap.granularity_bits);
    RC_ASSERT(bitmap.is_active == wanted[i].bitmap.is_active);
    RC_ASSERT(!bitmap.in_use);
    BitmapBytes bits = decoded(bytes, geometry, bitmap);
    RC_ASSERT(bits.size() >= wanted[i].bytes.size());
    bits.resize(wanted[i].bytes.size());
    const std::uint64_t unused =
        bits.size() * 8 - qcow2::bits_of_bitmap(disk_size, bitmap.granularity_bits);
    if (!bits.empty()) bits.back() &= std::byte{0xff} >> static_cast<int>(unused);
    RC_ASSERT(bits == wanted[i].bytes);
  }
}

RC_GTEST_PROP(CarriedBitmaps, AreInTheImageBitByBit, ()) {
  std::mt19937 random(*rc::gen::arbitrary<std::uint32_t>());
  const std::uint64_t disk_size = *rc::gen::inRange<std::uint64_t>(1, 64ULL << 20) / 512 * 512;
  std::vector<NamedBits> bits;
  const auto count = *rc::gen::inRange<std::size_t>(1, 6);
  for (std::size_t i = 0; i < count; ++i) bits.push_back(random_bits(random, disk_size, i));
  ImageOptions options{.cluster_size = *rc::gen::element(512U, 4096U, 65536U), .bitmaps = true};
  const auto disk = std::make_shared<DiskWithBitmaps>(
      disk_size, std::make_shared<MemoryBitmaps>(bits, *rc::gen::arbitrary<bool>()));
  const Image image = testing::make_image(disk, options, {.scan = Scan::kZeros});
  const BitmapBytes whole = testing::read_all(image);
  expect_bitmaps(whole, options, disk_size, bits);
  for (int i = 0; i < 30; ++i) {
    const std::uint64_t at = random() % whole.size();
    BitmapBytes part(random() % std::min<std::uint64_t>(whole.size() - at, 20'000));
    image.read(HostOffset(at), part);
    RC_ASSERT(std::ranges::equal(part, std::span(whole).subspan(at, part.size())));
  }
}

TEST(CarriedBitmaps, WhatADiskDoesNotTellDoesNotMatter) {
  std::mt19937 random(7);
  const std::vector<NamedBits> bits = {random_bits(random, 40 << 20, 0),
                                       random_bits(random, 40 << 20, 1)};
  std::vector<BitmapBytes> images;
  for (const bool tells : {false, true}) {
    const auto disk =
        std::make_shared<DiskWithBitmaps>(40 << 20, std::make_shared<MemoryBitmaps>(bits, tells));
    images.push_back(testing::read_all(
        testing::make_image(disk, {.cluster_size = 512, .bitmaps = true}, {.threads = 1})));
  }
  EXPECT_EQ(images[0], images[1]);
}

TEST(CarriedBitmaps, ADiskWithoutThemIsRefused) {
  const auto disk = std::make_shared<testing::ZeroDisk>(1 << 20);
  try {
    testing::make_image(disk, {.bitmaps = true});
    FAIL() << "taken";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kFailed);
  }
  EXPECT_TRUE(find_problem({.version = 2, .bitmaps = true}));
}

TEST(CarriedBitmaps, NoneIsNoRegion) {
  const auto disk = std::make_shared<DiskWithBitmaps>(
      1 << 20, std::make_shared<MemoryBitmaps>(std::vector<NamedBits>(), true));
  const auto plain = std::make_shared<DiskWithBitmaps>(1 << 20, nullptr);
  EXPECT_EQ(testing::read_all(testing::make_image(disk, {.bitmaps = true})),
            testing::read_all(testing::make_image(plain, {})));
}

}  // namespace
}  // namespace qcow2stream
