// SPDX-License-Identifier: GPL-2.0-or-later

#include "restore/content_record.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <random>
#include <vector>

#include "qcow2stream/manifest.h"

namespace qcow2stream {
namespace {

constexpr std::uint64_t kLeaf = 64 << 10;

struct Piece {
  std::uint64_t begin;
  std::uint64_t length;
};

// The content of a disk, with zeros here and there.
std::vector<std::byte> content_of(std::size_t length, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<std::byte> bytes(length);
  for (std::size_t at = 0; at < length; at += 4096) {
    if (random() % 3 == 0) continue;
    const std::size_t end = std::min(at + 4096, length);
    for (std::size_t i = at; i < end; ++i) bytes[i] = std::byte(random() | 1U);
  }
  return bytes;
}

std::shared_ptr<ManifestBuilder> digests_of(std::span<const std::byte> bytes, unsigned bits) {
  auto builder = std::make_shared<ManifestBuilder>(bytes.size(), bits);
  ChunkHasher hasher(bits);
  for (std::uint64_t chunk = 0; chunk < chunk_count(bytes.size(), bits); ++chunk) {
    const GuestRange range = chunk_range(chunk, bytes.size(), bits);
    builder->set(chunk, hasher.digest(bytes.subspan(range.begin.value(), range.length)));
  }
  return builder;
}

// Cuts the disk in pieces of up to `most` bytes, in any order.
std::vector<Piece> pieces_of(std::uint64_t length, std::uint64_t most, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<Piece> pieces;
  for (std::uint64_t at = 0; at < length;) {
    const std::uint64_t n =
        std::min<std::uint64_t>(512 * (1 + random() % (most / 512)), length - at);
    pieces.push_back({at, n});
    at += n;
  }
  std::ranges::shuffle(pieces, random);
  return pieces;
}

void tell(ContentRecord& record, std::span<const std::byte> bytes, std::span<const Piece> pieces) {
  ContentHash hash;
  for (const Piece& piece : pieces) {
    const auto part = bytes.subspan(piece.begin, piece.length);
    if (std::ranges::all_of(part, [](std::byte b) { return b == std::byte{0}; })) {
      record.zeros(hash, {GuestOffset(piece.begin), piece.length});
    } else {
      record.data(hash, GuestOffset(piece.begin), part);
    }
  }
  record.end_image();
}

TEST(ContentRecord, PiecesInAnyOrder) {
  for (const std::size_t length : {512UL, 65536UL, 65536UL + 512, (3UL << 20) - 1536}) {
    const auto bytes = content_of(length, 1);
    for (const unsigned bits : {16U, 18U, 24U}) {
      for (const std::uint64_t most : {512UL, 8192UL, 65536UL, 1UL << 20}) {
        ContentRecord record(length, bits, ContentRecord::Before::kZeros);
        tell(record, bytes, pieces_of(length, most, static_cast<unsigned>(most + bits)));
        EXPECT_TRUE(record.knows_all());
        EXPECT_EQ(record.content()->root(), digests_of(bytes, bits)->root())
            << length << ' ' << bits << ' ' << most;
      }
    }
  }
}

TEST(ContentRecord, WhatDoesNotComeIsZeros) {
  ContentRecord record(5 << 20, 18, ContentRecord::Before::kZeros);
  ContentHash hash;
  record.zeros(hash, {GuestOffset(0), 5 << 20});
  record.end_image();
  EXPECT_EQ(record.content()->root(), ManifestBuilder(5 << 20, 18).root());
}

TEST(ContentRecord, ASecondImageChangesWholeChunksAndForgetsParts) {
  auto bytes = content_of(1 << 20, 1);
  ContentRecord record(digests_of(bytes, 16));
  const auto other = content_of(3 * kLeaf, 2);
  ContentHash hash;
  record.data(hash, GuestOffset(kLeaf), std::span(other).first(kLeaf));
  record.zeros(hash, {GuestOffset(4 * kLeaf), kLeaf});
  record.data(hash, GuestOffset(8 * kLeaf + 4096), std::span(other).first(512));
  record.end_image();
  EXPECT_FALSE(record.knows_all());
  EXPECT_FALSE(record.knows(8));
  std::copy_n(other.begin(), kLeaf, &bytes[kLeaf]);
  std::fill_n(&bytes[4 * kLeaf], kLeaf, std::byte{0});
  std::copy_n(other.begin(), 512, &bytes[8 * kLeaf + 4096]);
  const auto wanted = digests_of(bytes, 16);
  record.learn(8, wanted->digest(8));
  EXPECT_TRUE(record.knows_all());
  EXPECT_EQ(record.content()->root(), wanted->root());
}

TEST(ContentRecord, OfAnIncrementOnlyWhatItHolds) {
  ContentRecord record(1 << 20, 16, ContentRecord::Before::kUnknown);
  const auto bytes = content_of(kLeaf, 2);
  ContentHash hash;
  record.data(hash, GuestOffset(2 * kLeaf), bytes);
  record.zeros(hash, {GuestOffset(5 * kLeaf), kLeaf});
  record.zeros(hash, {GuestOffset(7 * kLeaf), 512});
  record.end_image();
  EXPECT_FALSE(record.knows_all());
  for (std::uint64_t chunk = 0; chunk < 16; ++chunk) {
    EXPECT_EQ(record.knows(chunk), chunk == 2 || chunk == 5) << chunk;
  }
}

TEST(ContentRecord, AnotherLength) {
  const auto bytes = content_of((1 << 20) + 512, 1);
  ContentRecord record(digests_of(bytes, 16));
  record.resize(2 << 20);
  EXPECT_TRUE(record.knows_all());
  auto longer = bytes;
  longer.resize(2 << 20);
  EXPECT_EQ(record.content()->root(), digests_of(longer, 16)->root());
  record.resize(3 * kLeaf + 512);
  EXPECT_FALSE(record.knows(3));
  EXPECT_TRUE(record.knows(2));
  const auto wanted = digests_of(std::span(bytes).first(3 * kLeaf + 512), 16);
  record.learn(3, wanted->digest(3));
  EXPECT_TRUE(record.knows_all());
  EXPECT_EQ(record.content()->root(), wanted->root());
}

// Lengths and zeros that nobody could go through chunk by chunk.
TEST(ContentRecord, APebibyteTakesNoTime) {
  constexpr std::uint64_t kPebibyte = 1ULL << 50;
  ContentRecord record(kPebibyte, 16, ContentRecord::Before::kZeros);
  ContentHash hash;
  const auto bytes = content_of(2 * kLeaf, 3);
  record.data(hash, GuestOffset(kPebibyte / 2), bytes);
  record.end_image();
  record.resize(2 * kPebibyte);
  record.zeros(hash, {GuestOffset(kPebibyte / 2 + kLeaf), kPebibyte});
  record.end_image();
  EXPECT_TRUE(record.knows_all());
  record.resize(kPebibyte);
  ManifestBuilder wanted(kPebibyte, 16);
  wanted.set(kPebibyte / 2 / kLeaf, ChunkHasher(16).digest(std::span(bytes).first(kLeaf)));
  EXPECT_EQ(record.content()->root(), wanted.root());
}

// What an increment alone says does not outlive the end of its disk.
TEST(ContentRecord, AShorterLengthForgetsWhatLiesBehindIt) {
  ContentRecord record(8 * kLeaf, 16, ContentRecord::Before::kUnknown);
  ContentHash hash;
  record.data(hash, GuestOffset(2 * kLeaf), content_of(6 * kLeaf, 3));
  record.end_image();
  record.resize(4 * kLeaf);
  std::vector<std::uint64_t> known;
  record.exceptions().for_each([&](std::uint64_t chunk) { known.push_back(chunk); });
  EXPECT_EQ(known, (std::vector<std::uint64_t>{2, 3}));
}

// Parts of too many chunks at once take no more memory: these chunks are not known.
TEST(ContentRecord, PartsTakeABoundedAmountOfMemory) {
  constexpr std::uint64_t kChunks = 4096;
  ContentRecord record(kChunks * kLeaf, 16, ContentRecord::Before::kZeros);
  const auto bytes = content_of(512, 3);
  ContentHash hash;
  for (std::uint64_t chunk = 0; chunk < kChunks; ++chunk) {
    record.data(hash, GuestOffset(chunk * kLeaf), bytes);
  }
  for (std::uint64_t chunk = 0; chunk < kChunks; ++chunk) {
    record.zeros(hash, {GuestOffset(chunk * kLeaf + 512), kLeaf - 512});
  }
  record.end_image();
  EXPECT_FALSE(record.knows_all());
  EXPECT_TRUE(record.knows(0));
  EXPECT_FALSE(record.knows(kChunks - 1));
  EXPECT_EQ(record.content()->digest(0), ChunkHasher(16).digest(bytes));
}

}  // namespace
}  // namespace qcow2stream
