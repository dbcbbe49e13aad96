// SPDX-License-Identifier: GPL-2.0-or-later
//
// What the tests of codecs share: clusters of many kinds, and all codecs.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "codec/codec.h"

namespace qcow2stream::testing {

using Bytes = std::vector<std::byte>;

// The same on every machine, unlike the standard library's distributions.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::size_t below(std::size_t limit) {
    state_ = state_ * 6364136223846793005U + 1442695040888963407U;  // Knuth's MMIX
    return static_cast<std::size_t>(state_ >> 33) % limit;
  }

 private:
  std::uint64_t state_;
};

inline Bytes noise(std::size_t size, std::uint64_t seed) {
  Random random(seed);
  Bytes bytes(size);
  for (std::byte& b : bytes) b = static_cast<std::byte>(random.below(256));
  return bytes;
}

// Words of a small language, the frequent ones more often, with line ends and numbers.
inline Bytes text(std::size_t size, std::uint64_t seed) {
  Random language(1);
  std::vector<std::string> words(2000);
  for (std::string& word : words) {
    for (std::size_t n = 2 + language.below(8); n > 0; --n) {
      word += "etaoinshrdlucmfwypvbgkjqxz"[language.below(1 + language.below(26))];
    }
  }
  Random random(seed);
  std::string out;
  while (out.size() < size) {
    out += words[random.below(1 + random.below(1 + random.below(words.size())))];
    out += random.below(12) == 0 ? "\n" : " ";
    if (random.below(20) == 0) out += std::to_string(random.below(100000)) + ", ";
  }
  const auto* begin = reinterpret_cast<const std::byte*>(out.data());
  return {begin, begin + size};
}

// Like a file of a program: pieces of what came before, near ones more often, that a byte here and
// there has changed; between them words, numbers that go up, and bits.
inline Bytes program(std::size_t size, std::uint64_t seed) {
  Random random(seed);
  const Bytes words = text(size, seed);
  Bytes bytes(words.begin(), words.begin() + 500);
  std::uint32_t number = 0;
  while (bytes.size() < size) {
    const std::size_t kind = random.below(8);
    if (kind == 0) {
      const std::size_t at = random.below(size - 64);
      for (std::size_t i = 0; i < 4 + random.below(40); ++i) bytes.push_back(words[at + i]);
    } else if (kind == 1) {
      number += static_cast<std::uint32_t>(random.below(300));
      for (unsigned shift = 0; shift < 32; shift += 8) {
        bytes.push_back(static_cast<std::byte>(number >> shift));
      }
    } else if (kind == 2 && random.below(10) == 0) {
      for (std::size_t n = 30; n > 0; --n) bytes.push_back(static_cast<std::byte>(random.below(2)));
    } else {
      const std::size_t distance = 1 + random.below(1 + random.below(bytes.size()));
      for (std::size_t n = 3 + random.below(1 + random.below(40)); n > 0; --n) {
        bytes.push_back(bytes[bytes.size() - distance]);
      }
      if (random.below(3) == 0) bytes.back() ^= static_cast<std::byte>(random.below(16));
    }
  }
  bytes.resize(size);
  return bytes;
}

// Noise, the first half of it again at a distance: what only windows of at least that find.
inline Bytes repeated_noise(std::size_t size, std::size_t distance, std::uint64_t seed) {
  Bytes bytes = noise(size, seed);
  for (std::size_t i = distance; i < size; ++i) bytes[i] = bytes[i - distance];
  return bytes;
}

// Noise up to a point, one byte from there on: from all equal to what just does not fit.
inline Bytes partial_noise(std::size_t size, std::size_t noisy, std::uint64_t seed) {
  Bytes bytes = noise(size, seed);
  std::fill(bytes.begin() + static_cast<std::ptrdiff_t>(noisy), bytes.end(), std::byte{7});
  return bytes;
}

// Clusters of all kinds.
inline std::vector<Bytes> samples(std::size_t size) {
  std::vector<Bytes> all;
  for (const int value : {0, 1, 0x55, 0xff}) all.emplace_back(size, static_cast<std::byte>(value));
  for (std::uint64_t seed = 1; seed <= 4; ++seed) all.push_back(text(size, seed));
  for (std::size_t distance = 1; distance < size; distance *= 8) {
    all.push_back(repeated_noise(size, distance, distance));
    all.push_back(repeated_noise(size, distance + distance / 2, distance));
  }
  all.push_back(noise(size, 1));
  for (const std::size_t rest : {4U, 8U, 12U, 16U, 24U, 32U, 48U, 64U, 128U, 300U}) {
    all.push_back(partial_noise(size, size - rest, rest));
  }
  // Bytes of few bits: nothing repeats, Huffman codes alone.
  Bytes narrow = noise(size, 2);
  for (std::byte& b : narrow) b &= std::byte{0x1f};
  all.push_back(narrow);
  // Text between noise.
  Bytes mixed = text(size, 5);
  for (std::size_t i = 0; i < size; ++i) {
    if (i / 200 % 3 == 0) mixed[i] = all.front()[i] ^ narrow[i] ^ std::byte{0x80};
  }
  all.push_back(mixed);
  return all;
}

inline std::vector<Compression> all_levels(CompressionType type, std::uint32_t window) {
  std::vector<Compression> all;
  const CompressionLevels levels = compression_levels(type, window);
  for (int level = levels.least; level <= levels.most; ++level) {
    all.push_back({.type = type, .level = level, .deflate_window = window});
  }
  return all;
}

inline std::vector<Compression> all_compressions() {
  std::vector<Compression> all = all_levels(CompressionType::kZlib, 4096);
  for (const Compression& c : all_levels(CompressionType::kZlib, 32768)) all.push_back(c);
  for (const Compression& c : all_levels(CompressionType::kZstd, 4096)) all.push_back(c);
  return all;
}

// Less than some 20 MB/s.
inline bool is_slow(const Compression& compression) {
  return compression.level >
         compression_levels(compression.type, compression.deflate_window).most - 3;
}

// Empty where the cluster is better stored as it is.
inline Bytes compressed(Codec& codec, const Bytes& cluster) {
  Bytes out(cluster.size() - 1);
  out.resize(codec.compress(cluster, out));
  return out;
}

// FNV-1a.
inline std::uint32_t checksum(std::uint32_t sum, const Bytes& bytes) {
  for (const std::byte b : bytes) sum = (sum ^ static_cast<std::uint32_t>(b)) * 16777619U;
  return (sum ^ 0x100U) * 16777619U;
}

}  // namespace qcow2stream::testing
