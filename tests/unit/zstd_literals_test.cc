// SPDX-License-Identifier: GPL-2.0-or-later
//
// What zstd frames show without being decoded agrees with what they hold.

#include "codec/zstd_literals.h"

#include <gtest/gtest.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <random>
#include <string>
#include <vector>

namespace qcow2stream {
namespace {

std::vector<std::byte> compressed(const std::string& content, int level = 3) {
  std::vector<std::byte> frame(ZSTD_compressBound(content.size()));
  frame.resize(ZSTD_compress(frame.data(), frame.size(), content.data(), content.size(), level));
  return frame;
}

// In a block of its own: zstd makes none of literals that are all alike.
std::vector<std::byte> frame_of_block(unsigned type, std::size_t size,
                                      const std::vector<unsigned>& block) {
  // Magic, a window of 128 KiB, the last block's header.
  std::vector<unsigned> bytes = {0x28, 0xb5, 0x2f, 0xfd, 0, 0x38};
  const std::size_t header = 1 | type << 1 | size << 3;
  const auto byte = [&](unsigned i) { return static_cast<unsigned>(header >> (8 * i) & 0xff); };
  bytes.insert(bytes.end(), {byte(0), byte(1), byte(2)});
  bytes.insert(bytes.end(), block.begin(), block.end());
  std::vector<std::byte> frame;
  frame.reserve(bytes.size());
  for (const unsigned value : bytes) frame.push_back(static_cast<std::byte>(value));
  return frame;
}

TEST(ZstdLiterals, ZerosShowNothing) {
  for (const std::size_t size : {1U, 512U, 4096U, 65536U, 131072U, 2U << 20}) {
    for (const int level : {-5, 1, 3, 9, 19}) {
      EXPECT_FALSE(zstd_shows_data(compressed(std::string(size, '\0'), level))) << size;
    }
  }
}

// Data behind the first block's zeros is for a decoder to find.
TEST(ZstdLiterals, DataShowsWhereItBegins) {
  std::mt19937 random(1);
  int shown = 0;
  int all = 0;
  for (const std::size_t size : {512U, 4096U, 65536U}) {
    for (int kind = 0; kind < 4; ++kind) {
      for (int i = 0; i < 50; ++i) {
        std::string content(size, '\0');
        const unsigned values = std::array{2U, 30U, 100U, 256U}.at(static_cast<std::size_t>(kind));
        for (char& c : content) c = static_cast<char>(random() % values);
        if (kind == 0) std::fill(content.begin() + 300, content.end(), 'x');
        ++all;
        if (zstd_shows_data(compressed(content))) ++shown;
      }
    }
  }
  EXPECT_GT(shown, all * 9 / 10);
}

// Whatever shows data is data: of contents that are zeros but for a few bytes, or all of them.
TEST(ZstdLiterals, NeverTakesZerosForData) {
  std::mt19937 random(2);
  for (int i = 0; i < 2000; ++i) {
    std::string content(1U + random() % 20000, '\0');
    for (unsigned n = random() % 4; n > 0; --n) content[random() % content.size()] = 'x';
    const bool is_zero = content.find_first_not_of('\0') == std::string::npos;
    if (zstd_shows_data(compressed(content, 1 + static_cast<int>(random() % 19)))) {
      EXPECT_FALSE(is_zero);
    }
  }
}

TEST(ZstdLiterals, ReadsBlocksThatAreNotCompressed) {
  EXPECT_FALSE(zstd_shows_data(frame_of_block(0, 4, {0, 0, 0, 0})));
  EXPECT_TRUE(zstd_shows_data(frame_of_block(0, 4, {0, 0, 0, 7})));
  EXPECT_FALSE(zstd_shows_data(frame_of_block(1, 4096, {0})));
  EXPECT_TRUE(zstd_shows_data(frame_of_block(1, 4096, {7})));
  EXPECT_FALSE(zstd_shows_data(frame_of_block(1, 0, {7})));  // makes no byte
  EXPECT_FALSE(zstd_shows_data(frame_of_block(3, 4, {7, 7, 7, 7})));
}

// A section of literals: type and form of the size in the first four bits.
TEST(ZstdLiterals, ReadsLiterals) {
  EXPECT_FALSE(zstd_shows_data(frame_of_block(2, 5, {4 << 3, 0, 0, 0, 0})));
  EXPECT_TRUE(zstd_shows_data(frame_of_block(2, 5, {4 << 3, 0, 0, 0, 9})));
  EXPECT_FALSE(zstd_shows_data(frame_of_block(2, 5, {3 << 3, 0, 0, 0, 9})));  // not a literal
  EXPECT_FALSE(zstd_shows_data(frame_of_block(2, 2, {1 | 20 << 3, 0})));
  EXPECT_TRUE(zstd_shows_data(frame_of_block(2, 2, {1 | 20 << 3, 9})));
}

// Eight literals in one stream, a description of two bytes, and a stream whose last bit set ends
// it.
TEST(ZstdLiterals, CountsTheBitsOfHuffmanCodes) {
  const auto section = [](const std::vector<unsigned>& stream) {
    const std::size_t compressed = 2 + stream.size();
    const std::size_t header = 2U | 8U << 4U | compressed << 14U;
    const auto byte = [&](unsigned i) { return static_cast<unsigned>(header >> (8 * i) & 0xff); };
    std::vector<unsigned> bytes = {byte(0), byte(1), byte(2)};
    bytes.insert(bytes.end(), {128, 0x10});  // weights of one symbol follow
    bytes.insert(bytes.end(), stream.begin(), stream.end());
    return frame_of_block(2, bytes.size(), bytes);
  };
  EXPECT_FALSE(zstd_shows_data(section({0, 1})));     // 8 bits: may be alike
  EXPECT_TRUE(zstd_shows_data(section({0, 2})));      // 9 bits: are not
  EXPECT_FALSE(zstd_shows_data(section({0, 0, 1})));  // 16 bits
  EXPECT_FALSE(zstd_shows_data(section({0, 0})));     // no end
  EXPECT_TRUE(zstd_shows_data(section({0, 0x80})));   // 15 bits
}

TEST(ZstdLiterals, ReadsNothingBehindTheEnd) {
  std::mt19937 random(3);
  std::string content(5000, '\0');
  for (char& c : content) c = static_cast<char>(random() % 60);
  const auto frame = compressed(content);
  for (std::size_t length = 0; length < frame.size(); ++length) {
    const std::vector<std::byte> cut(frame.begin(),
                                     frame.begin() + static_cast<std::ptrdiff_t>(length));
    static_cast<void>(zstd_shows_data(cut));
  }
  for (int i = 0; i < 20000; ++i) {
    std::vector<std::byte> noise(random() % 40);
    for (std::byte& b : noise) b = static_cast<std::byte>(random());
    const auto start = frame.begin();
    std::copy(start, start + std::min<std::ptrdiff_t>(4, static_cast<std::ptrdiff_t>(noise.size())),
              noise.begin());
    static_cast<void>(zstd_shows_data(noise));
  }
}

}  // namespace
}  // namespace qcow2stream
