// SPDX-License-Identifier: GPL-2.0-or-later

#include "codec/decoder.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <zlib.h>

#include <algorithm>
#include <optional>
#include <string>

#include "codec/decoders.h"
#include "codec_testing.h"

namespace qcow2stream::testing {
namespace {

constexpr std::byte kUntouched{0xa5};

// With room behind it, in which nothing may be written.
struct Decoded {
  BlobProblem problem;
  Bytes bytes;
};

Decoded decoded(Decoder& decoder, const Bytes& blob, std::size_t cluster_size) {
  Decoded result;
  result.bytes.assign(cluster_size + 512, kUntouched);
  result.problem = decoder.decode(blob, std::span(result.bytes).first(cluster_size));
  EXPECT_TRUE(std::all_of(result.bytes.end() - 512, result.bytes.end(),
                          [](std::byte b) { return b == kUntouched; }));
  result.bytes.resize(cluster_size);
  return result;
}

Bytes prefix(Decoder& decoder, const Bytes& blob, std::size_t size) {
  Bytes bytes(size + 512, kUntouched);
  EXPECT_EQ(decoder.decode_prefix(blob, std::span(bytes).first(size)), std::nullopt);
  EXPECT_TRUE(
      std::all_of(bytes.end() - 512, bytes.end(), [](std::byte b) { return b == kUntouched; }));
  bytes.resize(size);
  return bytes;
}

Bytes joined(const Bytes& one, const Bytes& other) {
  Bytes both = one;
  both.insert(both.end(), other.begin(), other.end());
  return both;
}

Bytes first_of(const Bytes& bytes, std::size_t size) {
  return {bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size)};
}

class DecoderTest : public ::testing::TestWithParam<Compression> {};

TEST_P(DecoderTest, GivesBackEachClusterAndItsLengthWhateverLiesBehind) {
  const std::vector<std::size_t> sizes =
      is_slow(GetParam()) ? std::vector<std::size_t>{512} : std::vector<std::size_t>{512, 65536};
  for (const std::size_t size : sizes) {
    const auto codec = make_codec(GetParam(), static_cast<std::uint32_t>(size));
    const auto decoder = make_decoder(GetParam().type, static_cast<std::uint32_t>(size));
    for (const Bytes& cluster : samples(size)) {
      const Bytes blob = compressed(*codec, cluster);
      if (blob.empty()) continue;
      for (const Bytes& behind : {Bytes(), Bytes(511), noise(511, 3), blob}) {
        const Bytes sectors = joined(blob, behind);
        const Decoded result = decoded(*decoder, sectors, size);
        EXPECT_EQ(result.problem, std::nullopt);
        EXPECT_TRUE(result.bytes == cluster);
        EXPECT_EQ(decoder->blob_length(sectors), blob.size());
      }
      for (const std::size_t part : {std::size_t{0}, std::size_t{1}, size / 3, size - 1, size}) {
        EXPECT_TRUE(prefix(*decoder, blob, part) == first_of(cluster, part)) << part;
      }
    }
  }
}

bool shows_data(Decoder& decoder, const Bytes& blob) {
  return decoder.shows_data(first_of(blob, std::min(blob.size(), decoder.glance())));
}

// A glance finds data where a cluster begins with it, and never in zeros. What it does not find is
// for a prefix to tell.
TEST_P(DecoderTest, AGlanceShowsData) {
  const std::size_t size = is_slow(GetParam()) ? 4096 : 65536;
  const auto codec = make_codec(GetParam(), static_cast<std::uint32_t>(size));
  const auto decoder = make_decoder(GetParam().type, static_cast<std::uint32_t>(size));
  for (const Bytes& cluster : {text(size, 1), program(size, 2)}) {
    const Bytes blob = compressed(*codec, cluster);
    EXPECT_TRUE(shows_data(*decoder, blob));
    EXPECT_FALSE(shows_data(*decoder, first_of(blob, 1)));
    EXPECT_FALSE(shows_data(*decoder, {}));
  }
  EXPECT_FALSE(shows_data(*decoder, compressed(*codec, Bytes(size))));
}

INSTANTIATE_TEST_SUITE_P(All, DecoderTest, ::testing::ValuesIn(all_compressions()),
                         [](const auto& each) {
                           const Compression& c = each.param;
                           return (c.type == CompressionType::kZstd
                                       ? std::string("Zstd")
                                       : "Deflate" + std::to_string(c.deflate_window)) +
                                  "Level" + std::to_string(c.level.value_or(0));
                         });

TEST(Decoder, LargeClusters) {
  constexpr std::uint32_t kSize = 2U << 20;
  for (const CompressionType type : {CompressionType::kZlib, CompressionType::kZstd}) {
    const auto codec = make_codec({.type = type}, kSize);
    const auto decoder = make_decoder(type, kSize);
    const Bytes cluster = program(kSize, 1);
    const Bytes blob = compressed(*codec, cluster);
    const Decoded result = decoded(*decoder, blob, kSize);
    EXPECT_EQ(result.problem, std::nullopt);
    EXPECT_TRUE(result.bytes == cluster);
    EXPECT_EQ(decoder->blob_length(joined(blob, noise(300, 1))), blob.size());
    EXPECT_TRUE(prefix(*decoder, blob, 4096) == first_of(cluster, 4096));
  }
}

// --- deflate ------------------------------------------------------------------------------------

constexpr std::uint32_t kClusterSize = 4096;

Bytes deflated(const Bytes& data, int level = 6) {
  z_stream z = {};
  EXPECT_EQ(deflateInit2(&z, level, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY), Z_OK);
  Bytes out(deflateBound(&z, data.size()) + 16);
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-const-cast): zlib does not write there
  z.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(data.data()));
  z.avail_in = static_cast<uInt>(data.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&z, Z_FINISH), Z_STREAM_END);
  out.resize(z.total_out);
  deflateEnd(&z);
  return out;
}

// What QEMU makes of a blob: zlib's verdict on one call with room for a cluster.
struct Verdict {
  bool good = false;
  std::string message;
  Bytes bytes;
};

Verdict verdict_of_zlib(const Bytes& blob, std::size_t cluster_size) {
  z_stream z = {};
  EXPECT_EQ(inflateInit2(&z, -12), Z_OK);
  Bytes out(cluster_size);
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-const-cast): zlib does not write there
  z.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(blob.data()));
  z.avail_in = static_cast<uInt>(blob.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = static_cast<uInt>(out.size());
  const int result = inflate(&z, Z_FINISH);
  const bool good = (result == Z_STREAM_END || result == Z_BUF_ERROR) && z.avail_out == 0;
  std::string message = z.msg == nullptr ? "" : z.msg;
  inflateEnd(&z);
  return {good, std::move(message), std::move(out)};
}

// libdeflate reads codes that deflate reserves as others, and lets a repeat go past the lengths.
bool libdeflate_may_read(const Verdict& verdict) {
  return verdict.message == "invalid literal/length code" ||
         verdict.message == "invalid distance code" ||
         verdict.message == "invalid bit length repeat";
}

TEST(DeflateDecoder, ToleratesMoreThanACluster) {
  const auto decoder = make_decoder(CompressionType::kZlib, kClusterSize);
  for (const std::size_t more : {1U, 100U, 100'000U}) {
    for (const int level : {0, 6}) {
      const Bytes data = program(kClusterSize + more, 1);
      const Bytes blob = deflated(data, level);
      const Decoded result = decoded(*decoder, blob, kClusterSize);
      EXPECT_EQ(result.problem, std::nullopt);
      EXPECT_TRUE(result.bytes == first_of(data, kClusterSize));
      EXPECT_EQ(decoder->blob_length(blob), std::nullopt);
      EXPECT_TRUE(prefix(*decoder, blob, 777) == first_of(data, 777));
    }
  }
}

TEST(DeflateDecoder, RefusesAByteLess) {
  const auto decoder = make_decoder(CompressionType::kZlib, kClusterSize);
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{kClusterSize - 1}}) {
    const Bytes cluster = program(kClusterSize, 1);
    const Bytes shorter = joined(deflated(first_of(cluster, size)), deflated(cluster));
    EXPECT_EQ(decoded(*decoder, shorter, kClusterSize).problem, kShortBlob);
    EXPECT_EQ(decoder->blob_length(shorter), std::nullopt);
    Bytes all(kClusterSize);
    EXPECT_EQ(decoder->decode_prefix(shorter, all), kShortBlob);
  }
}

TEST(DeflateDecoder, ReadsBlocksThatAreStored) {
  const auto decoder = make_decoder(CompressionType::kZlib, kClusterSize);
  const Bytes cluster = noise(kClusterSize, 1);
  const Bytes blob = deflated(cluster, 0);
  ASSERT_GT(blob.size(), cluster.size());
  EXPECT_TRUE(decoded(*decoder, blob, kClusterSize).bytes == cluster);
  EXPECT_EQ(decoder->blob_length(joined(blob, cluster)), blob.size());
  EXPECT_TRUE(prefix(*decoder, blob, 100) == first_of(cluster, 100));
}

// The end of the stream may be missing, since QEMU looks only at whether the cluster is full.
TEST(DeflateDecoder, RefusesWhatIsCutWhereQemuDoes) {
  const auto decoder = make_decoder(CompressionType::kZlib, kClusterSize);
  std::size_t without_end = 0;
  for (const Bytes& cluster : samples(kClusterSize)) {
    const Bytes blob = deflated(cluster);
    for (std::size_t cut = 1; cut <= blob.size(); cut += 1 + cut / 16) {
      const Bytes rest = first_of(blob, blob.size() - cut);
      const Decoded result = decoded(*decoder, rest, kClusterSize);
      EXPECT_EQ(!result.problem, verdict_of_zlib(rest, kClusterSize).good);
      EXPECT_EQ(decoder->blob_length(rest), std::nullopt);
      if (result.problem) continue;
      EXPECT_TRUE(result.bytes == cluster);
      ++without_end;
    }
  }
  EXPECT_GT(without_end, 0U);
}

TEST(DeflateDecoder, FindsTheDamageThatQemuFinds) {
  const auto decoder = make_decoder(CompressionType::kZlib, kClusterSize);
  std::vector<Bytes> blobs;
  for (const Bytes& cluster : samples(kClusterSize)) blobs.push_back(deflated(cluster));
  std::size_t found = 0;
  Random random(1);
  for (int i = 0; i < 20'000; ++i) {
    Bytes blob = blobs[random.below(blobs.size())];
    for (std::size_t n = 1 + random.below(3); n > 0; --n) {
      const std::size_t at = random.below(random.below(2) == 0 ? blob.size() : 60) % blob.size();
      blob[at] ^= std::byte{1} << random.below(8);
    }
    const Verdict expected = verdict_of_zlib(blob, kClusterSize);
    const Decoded result = decoded(*decoder, blob, kClusterSize);
    if (expected.good) {
      EXPECT_EQ(result.problem, std::nullopt);
      EXPECT_TRUE(result.bytes == expected.bytes);
    } else if (!libdeflate_may_read(expected)) {
      EXPECT_NE(result.problem, std::nullopt) << expected.message;
    }
    found += result.problem ? 1U : 0U;
  }
  EXPECT_GT(found, 5'000U);
}

RC_GTEST_PROP(DeflateDecoder, DoesWithAnyBytesWhatQemuDoes,
              (const std::vector<std::uint8_t>& raw)) {
  const auto decoder = make_decoder(CompressionType::kZlib, 512);
  Bytes blob(raw.size());
  std::ranges::transform(raw, blob.begin(), [](std::uint8_t b) { return std::byte{b}; });
  const Verdict expected = verdict_of_zlib(blob, 512);
  const Decoded result = decoded(*decoder, blob, 512);
  const bool as_in_qemu =
      (!result.problem == expected.good && (!expected.good || result.bytes == expected.bytes)) ||
      libdeflate_may_read(expected);
  RC_ASSERT(as_in_qemu);
}

// --- both ---------------------------------------------------------------------------------------

RC_GTEST_PROP(Decoder, ADamagedBlobLeavesNoTraceInTheDecoder,
              (std::uint16_t seed, std::uint32_t where, std::uint8_t bits)) {
  for (const CompressionType type : {CompressionType::kZlib, CompressionType::kZstd}) {
    const auto codec = make_codec({.type = type}, kClusterSize);
    const Bytes cluster = program(kClusterSize, seed);
    const Bytes blob = compressed(*codec, cluster);
    RC_PRE(!blob.empty());
    Bytes damaged = blob;
    damaged[where % damaged.size()] ^= std::byte{bits};
    const auto used = make_decoder(type, kClusterSize);
    const Decoded first = decoded(*used, damaged, kClusterSize);
    const Decoded second = decoded(*used, damaged, kClusterSize);
    const bool same = first.problem == second.problem &&
                      (first.problem.has_value() || first.bytes == second.bytes);
    RC_ASSERT(same);
    Bytes part(1000);
    static_cast<void>(used->decode_prefix(damaged, part));
    static_cast<void>(used->blob_length(damaged));
    const Decoded good = decoded(*used, blob, kClusterSize);
    const bool comes_back = !good.problem && good.bytes == cluster;
    RC_ASSERT(comes_back);
  }
}

TEST(Decoder, AnEmptyBlobIsNoCluster) {
  for (const CompressionType type : {CompressionType::kZlib, CompressionType::kZstd}) {
    const auto decoder = make_decoder(type, kClusterSize);
    EXPECT_EQ(decoded(*decoder, {}, kClusterSize).problem, kShortBlob);
    EXPECT_EQ(decoder->blob_length({}), std::nullopt);
  }
}

}  // namespace
}  // namespace qcow2stream::testing
