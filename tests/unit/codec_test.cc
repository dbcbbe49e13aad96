// SPDX-License-Identifier: GPL-2.0-or-later

#include "codec/codec.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <bit>
#include <thread>

#include "codec_testing.h"

namespace qcow2stream::testing {
namespace {

// What zlib reads with a window, `step` bytes at a time; empty if it is not one complete stream.
Bytes inflated(const Bytes& stream, std::size_t size, std::uint32_t window, std::size_t step) {
  z_stream z = {};
  EXPECT_EQ(inflateInit2(&z, -std::countr_zero(window)), Z_OK);
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-const-cast): zlib does not write there
  z.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(stream.data()));
  z.avail_in = static_cast<uInt>(stream.size());
  // A buffer of its own for each step: zlib has only its window to look back.
  Bytes out;
  Bytes piece(step);
  int result = Z_OK;
  while (result == Z_OK && out.size() <= size) {
    z.next_out = reinterpret_cast<Bytef*>(piece.data());
    z.avail_out = static_cast<uInt>(step);
    result = inflate(&z, Z_NO_FLUSH);
    out.insert(out.end(), piece.begin(), piece.end() - z.avail_out);
  }
  const bool all_read = z.avail_in == 0;
  inflateEnd(&z);
  return result == Z_STREAM_END && all_read ? out : Bytes();
}

Bytes decompressed(const Compression& compression, const Bytes& stream, std::size_t size) {
  if (compression.type == CompressionType::kZlib) {
    return inflated(stream, size, compression.deflate_window, size);
  }
  Bytes out(size);
  EXPECT_EQ(ZSTD_getFrameContentSize(stream.data(), stream.size()), size);
  EXPECT_EQ(ZSTD_findFrameCompressedSize(stream.data(), stream.size()), stream.size());
  EXPECT_EQ(ZSTD_decompress(out.data(), size, stream.data(), stream.size()), size);
  return out;
}

std::vector<std::uint32_t> cluster_sizes(const Compression& compression) {
  if (is_slow(compression)) return {512, 65536};
  return {512, 4096, 65536, 2097152};
}

class CodecTest : public ::testing::TestWithParam<Compression> {};

TEST_P(CodecTest, WhatComesOutIsWhatWentIn) {
  for (const std::uint32_t size : cluster_sizes(GetParam())) {
    const auto codec = make_codec(GetParam(), size);
    for (const Bytes& cluster : samples(size)) {
      const Bytes stream = compressed(*codec, cluster);
      if (!stream.empty()) {
        EXPECT_TRUE(decompressed(GetParam(), stream, size) == cluster) << size;
      }
    }
  }
}

TEST_P(CodecTest, NoiseDoesNotFitAndEqualBytesTakeNextToNothing) {
  for (const std::uint32_t size : cluster_sizes(GetParam())) {
    const auto codec = make_codec(GetParam(), size);
    EXPECT_TRUE(compressed(*codec, noise(size, 1)).empty()) << size;
    const Bytes equal = compressed(*codec, Bytes(size, std::byte{7}));
    EXPECT_FALSE(equal.empty());
    // ISA-L's level 0 has a fixed Huffman code of some hundred bytes.
    EXPECT_LE(equal.size(), 256 + size / 64);
  }
}

TEST_P(CodecTest, AUsedCodecMakesTheBytesOfANewOne) {
  for (const std::uint32_t size : {512U, 65536U}) {
    std::vector<Bytes> clusters = samples(size);
    if (is_slow(GetParam())) clusters.resize(8);
    const auto used = make_codec(GetParam(), size);
    for (const Bytes& cluster : clusters) compressed(*used, cluster);
    std::ranges::reverse(clusters);
    for (const Bytes& cluster : clusters) {
      EXPECT_TRUE(compressed(*used, cluster) == compressed(*make_codec(GetParam(), size), cluster));
    }
  }
}

TEST_P(CodecTest, EachThreadMakesTheSameBytes) {
  const std::vector<Bytes> clusters = samples(65536);
  const auto sum_of_all = [&] {
    const auto codec = make_codec(GetParam(), 65536);
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < 8; ++i) sum = checksum(sum, compressed(*codec, clusters[i]));
    return sum;
  };
  std::uint32_t one = 0;
  std::uint32_t other = 0;
  std::thread first([&] { one = sum_of_all(); });
  std::thread second([&] { other = sum_of_all(); });
  first.join();
  second.join();
  EXPECT_EQ(one, sum_of_all());
  EXPECT_EQ(other, one);
}

// A caller that offers more room gets no other bytes, and nothing behind the result matters.
TEST_P(CodecTest, MoreRoomChangesNothing) {
  const auto codec = make_codec(GetParam(), 4096);
  for (const Bytes& cluster : samples(4096)) {
    Bytes large(100'000);
    large.resize(codec->compress(cluster, large));
    EXPECT_TRUE(large == compressed(*codec, cluster));
  }
}

// zlib that inflates in small steps has no more than the window to look back.
TEST_P(CodecTest, DeflateStaysInItsWindow) {
  if (GetParam().type != CompressionType::kZlib) GTEST_SKIP() << "not deflate";
  const auto codec = make_codec(GetParam(), 65536);
  for (const Bytes& cluster : samples(65536)) {
    const Bytes stream = compressed(*codec, cluster);
    if (stream.empty()) continue;
    EXPECT_TRUE(inflated(stream, 65536, GetParam().deflate_window, 1) == cluster);
  }
}

TEST_P(CodecTest, AnyMixtureOfCopiesAndNoise) {
  if (is_slow(GetParam())) GTEST_SKIP() << "the other tests are enough";
  const auto codec = make_codec(GetParam(), 4096);
  EXPECT_TRUE(rc::check(
      "comes back", [&](const std::vector<std::pair<std::uint16_t, std::uint8_t>>& copies) {
        Bytes cluster = noise(4096, copies.size());
        std::size_t at = 100;
        for (const auto& [from, length] : copies) {
          for (std::size_t i = 0; i < length && at < cluster.size(); ++i, ++at) {
            cluster[at] = cluster[at - 1 - from % at];
          }
          at = std::min(at + from % 7, cluster.size());
        }
        const Bytes stream = compressed(*codec, cluster);
        const bool comes_back = stream.empty() || decompressed(GetParam(), stream, 4096) == cluster;
        RC_ASSERT(comes_back);
      }));
}

INSTANTIATE_TEST_SUITE_P(All, CodecTest, ::testing::ValuesIn(all_compressions()),
                         [](const auto& each) {
                           const Compression& c = each.param;
                           return (c.type == CompressionType::kZstd
                                       ? std::string("Zstd")
                                       : "Deflate" + std::to_string(c.deflate_window)) +
                                  "Level" + std::to_string(c.level.value_or(0));
                         });

TEST(CompressionLevels, EachIsSmallerThanTheOneBefore) {
  for (const auto& levels :
       {all_levels(CompressionType::kZlib, 4096), all_levels(CompressionType::kZlib, 32768),
        all_levels(CompressionType::kZstd, 4096)}) {
    std::size_t before = SIZE_MAX;
    for (const Compression& compression : levels) {
      const auto codec = make_codec(compression, 65536);
      std::size_t total = 0;
      for (std::uint64_t seed = 1; seed <= 8; ++seed) {
        total += compressed(*codec, program(65536, seed)).size();
      }
      EXPECT_LT(total, before) << codec_version(compression);
      before = total;
    }
  }
}

TEST(CompressionLevels, NormalIsOneOfThem) {
  for (const std::uint32_t window : {4096U, 32768U}) {
    for (const CompressionType type : {CompressionType::kZlib, CompressionType::kZstd}) {
      const CompressionLevels levels = compression_levels(type, window);
      EXPECT_EQ(levels.least, 1);
      EXPECT_LE(levels.least, levels.normal);
      EXPECT_LE(levels.normal, levels.most);
      EXPECT_EQ(codec_version({.type = type, .deflate_window = window}),
                codec_version({.type = type, .level = levels.normal, .deflate_window = window}));
    }
  }
}

TEST(CodecVersion, TellsAllThatDecidesTheBytes) {
  std::vector<std::string> versions;
  for (const Compression& compression : all_compressions()) {
    versions.push_back(codec_version(compression));
    EXPECT_NE(versions.back().find(", fingerprint "), std::string::npos) << versions.back();
  }
  std::ranges::sort(versions);
  EXPECT_EQ(std::ranges::adjacent_find(versions), versions.end());
}

}  // namespace
}  // namespace qcow2stream::testing
