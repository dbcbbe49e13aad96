// SPDX-License-Identifier: GPL-2.0-or-later

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <zstd.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "codec/decoder.h"
#include "codec/decoders.h"
#include "codec_testing.h"

namespace qcow2stream::testing {
namespace {

constexpr std::uint32_t kClusterSize = 4096;

using Parameters = std::vector<std::pair<ZSTD_cParameter, int>>;

Bytes zstd_frame(const Bytes& data, const Parameters& parameters = {}) {
  ZSTD_CCtx* context = ZSTD_createCCtx();
  for (const auto& [parameter, value] : parameters) {
    EXPECT_EQ(ZSTD_isError(ZSTD_CCtx_setParameter(context, parameter, value)), 0U);
  }
  Bytes out(ZSTD_compressBound(data.size()));
  const std::size_t size =
      ZSTD_compress2(context, out.data(), out.size(), data.data(), data.size());
  EXPECT_EQ(ZSTD_isError(size), 0U);
  out.resize(size);
  ZSTD_freeCCtx(context);
  return out;
}

Bytes skippable(std::uint8_t size) {
  Bytes frame = {std::byte{0x5a}, std::byte{0x2a}, std::byte{0x4d}, std::byte{0x18},
                 std::byte{size}, std::byte{0},    std::byte{0},    std::byte{0}};
  frame.resize(frame.size() + size, std::byte{0xee});
  return frame;
}

Bytes concatenated(const std::vector<Bytes>& parts) {
  Bytes all;
  for (const Bytes& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

Bytes slice(const Bytes& bytes, std::size_t from, std::size_t to) {
  return {bytes.begin() + static_cast<std::ptrdiff_t>(from),
          bytes.begin() + static_cast<std::ptrdiff_t>(to)};
}

class ZstdDecoderTest : public ::testing::Test {
 protected:
  BlobProblem problem_of(const Bytes& blob) { return decoder_->decode(blob, out_); }
  void expect_cluster(const Bytes& blob, std::size_t length) {
    std::ranges::fill(out_, std::byte{0xa5});
    EXPECT_EQ(problem_of(blob), std::nullopt);
    EXPECT_TRUE(out_ == cluster_);
    EXPECT_EQ(decoder_->blob_length(blob), length);
    Bytes prefix(1000);
    EXPECT_EQ(decoder_->decode_prefix(blob, prefix), std::nullopt);
    EXPECT_TRUE(prefix == slice(cluster_, 0, 1000));
  }

  Bytes cluster_ = program(kClusterSize, 1);
  Bytes out_ = Bytes(kClusterSize);
  std::unique_ptr<Decoder> decoder_ = make_decoder(CompressionType::kZstd, kClusterSize);
};

TEST_F(ZstdDecoderTest, SeveralFramesSkippableOnesBetweenThem) {
  const Bytes one = zstd_frame(slice(cluster_, 0, 1500));
  const Bytes empty = zstd_frame({});
  const Bytes other = zstd_frame(slice(cluster_, 1500, kClusterSize));
  const Bytes blob = concatenated({skippable(3), one, skippable(0), empty, skippable(200), other});
  expect_cluster(blob, blob.size());
  expect_cluster(concatenated({blob, noise(400, 1)}), blob.size());
  expect_cluster(concatenated({blob, skippable(9)}), blob.size());
  EXPECT_EQ(problem_of(concatenated({one, skippable(4)})), kShortBlob);
  EXPECT_EQ(decoder_->blob_length(one), std::nullopt);
}

TEST_F(ZstdDecoderTest, NoiseBetweenFramesIsDamage) {
  const Bytes one = zstd_frame(slice(cluster_, 0, 1500));
  const Bytes other = zstd_frame(slice(cluster_, 1500, kClusterSize));
  const Bytes blob = concatenated({one, noise(40, 1), other});
  EXPECT_EQ(problem_of(blob), kDamagedBlob);
  EXPECT_EQ(decoder_->blob_length(blob), std::nullopt);
}

TEST_F(ZstdDecoderTest, AChecksumIsCheckedAndBelongsToTheBlob) {
  for (const int with_size : {0, 1}) {
    Bytes blob =
        zstd_frame(cluster_, {{ZSTD_c_checksumFlag, 1}, {ZSTD_c_contentSizeFlag, with_size}});
    expect_cluster(concatenated({blob, noise(100, 1)}), blob.size());
    EXPECT_EQ(problem_of(slice(blob, 0, blob.size() - 1)), kLongBlob);
    blob.back() ^= std::byte{1};
    EXPECT_EQ(problem_of(blob), kDamagedBlob);
  }
}

TEST_F(ZstdDecoderTest, FramesThatDoNotTellTheirSize) {
  const Bytes blob = zstd_frame(cluster_, {{ZSTD_c_contentSizeFlag, 0}});
  ASSERT_EQ(ZSTD_getFrameContentSize(blob.data(), blob.size()), ZSTD_CONTENTSIZE_UNKNOWN);
  expect_cluster(blob, blob.size());
  expect_cluster(concatenated({blob, noise(100, 1)}), blob.size());
  const Bytes two =
      concatenated({zstd_frame(slice(cluster_, 0, 9)),
                    zstd_frame(slice(cluster_, 9, kClusterSize), {{ZSTD_c_contentSizeFlag, 0}})});
  expect_cluster(concatenated({two, blob}), two.size());
}

TEST_F(ZstdDecoderTest, MoreOrLessThanAClusterIsRefused) {
  for (const int with_size : {0, 1}) {
    const Parameters parameters = {{ZSTD_c_contentSizeFlag, with_size}};
    for (const std::size_t more : {1U, 100U, 200'000U}) {
      const Bytes blob = zstd_frame(program(kClusterSize + more, 1), parameters);
      EXPECT_EQ(problem_of(blob), kLongBlob) << more;
      EXPECT_EQ(decoder_->blob_length(blob), std::nullopt);
      Bytes prefix(kClusterSize);
      EXPECT_EQ(decoder_->decode_prefix(blob, prefix), std::nullopt);
    }
    const Bytes less = zstd_frame(slice(cluster_, 0, kClusterSize - 1), parameters);
    EXPECT_EQ(problem_of(less), kShortBlob);
    EXPECT_EQ(problem_of(concatenated({less, less})), kLongBlob);
    EXPECT_EQ(problem_of(concatenated({less, Bytes(500)})), kDamagedBlob);
  }
}

TEST_F(ZstdDecoderTest, EachCutIsNoticed) {
  for (const int with_size : {0, 1}) {
    const Bytes blob = zstd_frame(cluster_, {{ZSTD_c_contentSizeFlag, with_size}});
    for (std::size_t size = 0; size < blob.size(); ++size) {
      EXPECT_NE(problem_of(slice(blob, 0, size)), std::nullopt) << size;
      EXPECT_EQ(decoder_->blob_length(slice(blob, 0, size)), std::nullopt) << size;
    }
  }
}

// zstd's limit for streams, which QEMU leaves as it is. Only frames without a size are streams.
TEST_F(ZstdDecoderTest, WindowsOfUpTo128MiB) {
  for (const int bits : {12, 20, 27, 28}) {
    Bytes blob = zstd_frame(cluster_, {{ZSTD_c_contentSizeFlag, 0}});
    // Frame_Header_Descriptor without a size nor Single_Segment_flag, then the window.
    ASSERT_EQ(blob[4], std::byte{0});
    blob[5] = static_cast<std::byte>((bits - 10) << 3);
    EXPECT_EQ(problem_of(blob), bits > 27 ? BlobProblem(kDamagedBlob) : std::nullopt) << bits;
  }
}

RC_GTEST_PROP(ZstdDecoder, NeverWritesBehindTheCluster,
              (std::uint16_t seed, bool with_size,
               const std::vector<std::pair<std::uint16_t, std::uint8_t>>& flips)) {
  const auto decoder = make_decoder(CompressionType::kZstd, kClusterSize);
  const Bytes cluster = program(kClusterSize, seed);
  Bytes blob = zstd_frame(cluster, {{ZSTD_c_contentSizeFlag, with_size ? 1 : 0}});
  for (const auto& [at, bits] : flips) blob[at % blob.size()] ^= std::byte{bits};
  Bytes out(kClusterSize + 512, std::byte{0xa5});
  const BlobProblem problem = decoder->decode(blob, std::span(out).first(kClusterSize));
  const bool untouched =
      std::all_of(out.end() - 512, out.end(), [](std::byte b) { return b == std::byte{0xa5}; });
  RC_ASSERT(untouched);
  const bool good = flips.empty() ? !problem && slice(out, 0, kClusterSize) == cluster : true;
  RC_ASSERT(good);
}

}  // namespace
}  // namespace qcow2stream::testing
