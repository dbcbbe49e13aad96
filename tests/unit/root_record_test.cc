// SPDX-License-Identifier: GPL-2.0-or-later
//
// What an image says of its content: the extension of its header, and its last bytes.

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "manifest/root_trailer.h"
#include "qcow2/header.h"
#include "qcow2stream/image.h"
#include "qcow2stream/manifest.h"
#include "testing.h"

namespace qcow2stream {
namespace {

ContentDigest digest_of_all(unsigned value) {
  ContentDigest digest{};
  digest.fill(std::byte(value));
  return digest;
}

TEST(RootTrailer, EveryBitCounts) {
  const RootTrailer trailer{.length = 4096, .root = digest_of_all(1), .parent = digest_of_all(2)};
  const auto bytes = encode_root_trailer(trailer);
  const auto same = decode_root_trailer(bytes);
  ASSERT_TRUE(same);
  EXPECT_EQ(same->length, trailer.length);
  EXPECT_EQ(same->root, trailer.root);
  EXPECT_EQ(same->parent, trailer.parent);
  for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    auto flipped = bytes;
    flipped.at(bit / 8) ^= std::byte{1} << (bit % 8);
    EXPECT_FALSE(decode_root_trailer(flipped)) << bit;
  }
  EXPECT_FALSE(decode_root_trailer(std::vector<std::byte>(kRootTrailerSize)));
}

TEST(RootExtension, BothWays) {
  for (const unsigned version : {2U, 3U}) {
    qcow2::Header header;
    header.geometry.version = version;
    header.virtual_size = 512;
    header.l1_entries = 1;
    header.l1_offset = HostOffset(3 << 16);
    header.refcount_table_offset = HostOffset(1 << 16);
    header.refcount_table_clusters = 1;
    for (const auto& parent : {std::optional<ContentDigest>(), std::optional(digest_of_all(3))}) {
      header.root =
          qcow2::RootExtension{.trailer = HostOffset(std::uint64_t{12345} * 512), .parent = parent};
      auto bytes = qcow2::encode_header(header);
      bytes.resize(header.geometry.cluster_size());
      EXPECT_EQ(qcow2::decode_header(bytes).root, header.root) << version;
    }
  }
}

TEST(RootRecord, IsTheEndOfTheImage) {
  std::vector<std::byte> content(3 << 16, std::byte{7});
  const auto disk = std::make_shared<testing::MemoryDisk>(content);
  const ImageOptions plain;
  ImageOptions with;
  with.root_record = RootRecord{.parent = digest_of_all(5)};
  const Image image = testing::make_image(disk, with);
  EXPECT_EQ(image.size(), testing::make_image(disk, plain).size() + kRootTrailerSize);
  ASSERT_EQ(image.root_trailer(), HostOffset(image.size() - kRootTrailerSize));
  EXPECT_FALSE(image.root());
  std::vector<std::byte> last(kRootTrailerSize);
  EXPECT_THROW(image.read(*image.root_trailer(), last), Error);
  image.learn_root(digest_of_all(6));
  image.read(*image.root_trailer(), last);
  const auto trailer = decode_root_trailer(last);
  ASSERT_TRUE(trailer);
  EXPECT_EQ(trailer->root, digest_of_all(6));
  EXPECT_EQ(trailer->parent, digest_of_all(5));
  EXPECT_EQ(trailer->length, content.size());
  // A part of it is a part of the image like any other.
  std::vector<std::byte> part(100);
  image.read(*image.root_trailer() + 20, part);
  EXPECT_TRUE(std::ranges::equal(part, std::span(last).subspan(20, 100)));

  ImageOptions without = with;
  without.root_record->trailer = false;
  EXPECT_EQ(testing::make_image(disk, without).size(), testing::make_image(disk, plain).size());
}

// What the survey hashes is the content, however it is asked.
TEST(SurveyDigests, AreThoseOfTheDisk) {
  std::vector<std::byte> content(40 << 16);
  for (std::size_t i = 0; i < content.size(); i += 7) content[i] = std::byte(i >> 18);
  const auto disk = std::make_shared<testing::MemoryDisk>(content);
  ManifestBuilder direct(content.size(), 18);
  ChunkHasher hasher(18);
  for (std::uint64_t n = 0; n < chunk_count(content.size(), 18); ++n) {
    const GuestRange range = chunk_range(n, content.size(), 18);
    direct.set(n, hasher.digest(std::span(content).subspan(range.begin.value(), range.length)));
  }
  for (const std::uint32_t cluster_size : {512U, 65536U, 2U << 20}) {
    for (const bool compress : {false, true}) {
      ImageOptions options{.cluster_size = cluster_size};
      if (compress) options.compression = Compression{};
      const Image image = testing::make_image(disk, options, {.threads = 3, .hash_chunk_bits = 18});
      ASSERT_NE(image.content(), nullptr);
      EXPECT_EQ(image.root(), direct.root()) << cluster_size << compress;
    }
  }
}

}  // namespace
}  // namespace qcow2stream
