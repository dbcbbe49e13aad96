// SPDX-License-Identifier: GPL-2.0-or-later
//
// Increments of random disks on top of random bases: what they decode to, and what they hold.

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "increment_decoder.h"
#include "layout/cluster_map.h"
#include "map_testing.h"
#include "random_disks.h"
#include "testing.h"

namespace qcow2stream {
namespace {

using testing::between;
using testing::ByteVector;
using testing::in_sectors;
using testing::IncrementDecoder;
using testing::make_image;
using testing::MemoryDisk;
using testing::read_all;
using testing::TextFile;
using testing::write_somewhere;

struct Pair {
  std::shared_ptr<const MemoryDisk> base;
  std::shared_ptr<const MemoryDisk> disk;
};

constexpr std::size_t kLittle = 3000;

// A disk that was another one, shorter or longer, before: by little or by much.
Pair arbitrary_pair() {
  ByteVector bytes(between(0, 600'000), *rc::gen::element(std::byte{0}, std::byte{0xdd}));
  write_somewhere(bytes);
  Pair pair;
  pair.base = std::make_shared<MemoryDisk>(bytes);
  // In whole sectors: else the guest sees zeros where the base goes on.
  const std::size_t little = bytes.size() - between(0, std::min(bytes.size(), kLittle) + 1);
  bytes.resize(*rc::gen::element(bytes.size(), little / 512 * 512, between(0, 700'000)));
  write_somewhere(bytes);
  pair.disk = std::make_shared<MemoryDisk>(std::move(bytes));
  return pair;
}

ImageOptions arbitrary_increment() {
  ImageOptions options;
  options.version = *rc::gen::element(2U, 3U, 3U);
  options.cluster_size = *rc::gen::element(512U, 4096U, 16384U, 65536U, 2U << 20);
  if (options.version == 3) {
    options.refcount_bits = *rc::gen::element(1U, 8U, 16U, 64U);
    options.extended_l2 = options.cluster_size >= 16384 && *rc::gen::arbitrary<bool>();
  }
  options.backing_file = BackingFile{.name = "base", .format = "raw"};
  return options;
}

// A unit of the survey: what can be held or left out by itself.
std::size_t unit_of(const ImageOptions& options) {
  return options.extended_l2 ? options.cluster_size / 32 : options.cluster_size;
}

// What the guest sees differs somewhere in this unit.
bool differs(const ByteVector& disk, const ByteVector& base, std::size_t begin, std::size_t unit) {
  const std::size_t end = std::min(begin + unit, in_sectors(disk).size());
  const auto at = [](const ByteVector& bytes, std::size_t i) {
    return i < bytes.size() ? bytes[i] : std::byte{0};
  };
  for (std::size_t i = begin; i < end; ++i) {
    if (at(disk, i) != at(base, i)) return true;
  }
  return false;
}

bool is_zeros(const ByteVector& disk, std::size_t begin, std::size_t unit) {
  const std::size_t end = std::min(begin + unit, disk.size());
  return std::all_of(disk.begin() + static_cast<std::ptrdiff_t>(std::min(begin, end)),
                     disk.begin() + static_cast<std::ptrdiff_t>(end),
                     [](std::byte b) { return b == std::byte{0}; });
}

RC_GTEST_PROP(IncrementProperty, OnTopOfTheBaseItIsTheDisk, ()) {
  const Pair pair = arbitrary_pair();
  const ImageOptions options = arbitrary_increment();
  const Image image =
      make_image(pair.disk, options,
                 {.what = Against{.base = pair.base},
                  .scan = *rc::gen::element(Scan::kZeros, Scan::kHoles, Scan::kNone),
                  .threads = *rc::gen::inRange(1U, 4U)});
  const auto bytes = read_all(image);
  IncrementDecoder decoder(bytes, in_sectors(pair.base->bytes()));
  RC_ASSERT(decoder.disk() == in_sectors(pair.disk->bytes()));
  decoder.check_refcounts();
  RC_ASSERT(decoder.header().backing_file_name == "base");
  RC_ASSERT(decoder.header().backing_format == "raw");
  if (options.version == 3) RC_ASSERT(image.measure().zero == decoder.zero_clusters());
}

// Zeros up to its last bytes, and says so to the byte, as NBD servers may.
class HoleAndEnd final : public Disk {
 public:
  HoleAndEnd(std::uint64_t hole, std::uint64_t end) : hole_(hole), end_(end) {}
  [[nodiscard]] const std::string& name() const override { return name_; }
  [[nodiscard]] std::uint64_t size() const override { return hole_ + end_; }
  void read(GuestOffset offset, std::span<std::byte> buffer) const override {
    for (std::size_t i = 0; i < buffer.size(); ++i) {
      buffer[i] = offset.value() + i < hole_ ? std::byte{0} : std::byte{1};
    }
  }
  [[nodiscard]] std::unique_ptr<RunCursor> runs(GuestRange /*whole*/) const override {
    std::vector<Run> extents;
    if (hole_ > 0)
      extents.push_back({.range = {GuestOffset(0), hole_}, .holds = Run::Holds::kZeros});
    if (end_ > 0)
      extents.push_back({.range = {GuestOffset(hole_), end_}, .holds = Run::Holds::kData});
    return std::make_unique<Cursor>(std::move(extents));
  }

 private:
  class Cursor final : public RunCursor {
   public:
    explicit Cursor(std::vector<Run> extents) : extents_(std::move(extents)) {}
    std::optional<Run> next() override {
      if (next_ == extents_.size()) return std::nullopt;
      return extents_[next_++];
    }

   private:
    std::vector<Run> extents_;
    std::size_t next_ = 0;
  };

  std::string name_ = "hole and end";
  std::uint64_t hole_;
  std::uint64_t end_;
};

// The guest's disk ends with a whole sector, and so with bytes that only the base has.
TEST(Increment, WhatTheBaseHasBehindTheLastByteIsHidden) {
  for (const std::uint64_t size : {1U, 511U, 513U, 65'537U}) {
    const std::uint64_t end = (size + 511) / 512 * 512;
    ImageOptions options;
    options.backing_file = BackingFile{.name = "base", .format = "raw"};
    for (const std::uint64_t hole : {size, end - 1}) {
      const auto base = std::make_shared<HoleAndEnd>(hole, end - hole);
      const auto measured = make_image(std::make_shared<HoleAndEnd>(size, 0), options,
                                       {.what = Against{.base = base}})
                                .measure();
      EXPECT_EQ(measured.zero, 1U) << size << " " << hole;
    }
  }
}

RC_GTEST_PROP(IncrementProperty, ItHoldsWhatDiffersAndNothingElse, ()) {
  const Pair pair = arbitrary_pair();
  ImageOptions options = arbitrary_increment();
  if (*rc::gen::arbitrary<bool>()) options.backing_file.reset();
  const auto map = survey(*pair.disk, options, {.what = Against{.base = pair.base}}).map;
  const ByteVector& disk = pair.disk->bytes();
  const std::size_t unit = unit_of(options);
  for (std::size_t i = 0; i * unit < in_sectors(disk).size(); ++i) {
    const bool held = differs(disk, pair.base->bytes(), i * unit, unit);
    const bool zero = options.backing_file && is_zeros(disk, i * unit, unit);
    if (!options.extended_l2) {
      std::optional<ClusterKind> kind;
      if (held) kind = zero ? ClusterKind::kZero : ClusterKind::kData;
      RC_ASSERT(map->kind_of(GuestCluster(i)) == kind);
    } else {
      const std::uint64_t entry = map->subclusters(GuestCluster(i / 32));
      RC_ASSERT((entry >> i % 32 & 1) == (held && !zero ? 1U : 0U));
      RC_ASSERT((entry >> (32 + i % 32) & 1) == (held && zero ? 1U : 0U));
    }
  }
}

RC_GTEST_PROP(IncrementProperty, AListOfWhatDiffersGivesTheDiskToo, ()) {
  const Pair pair = arbitrary_pair();
  const ImageOptions options = arbitrary_increment();
  const ByteVector& disk = pair.disk->bytes();
  constexpr std::size_t kBlock = 512;  // the list's
  std::string list;
  for (std::size_t at = 0; at < in_sectors(disk).size(); at += kBlock) {
    if (!differs(disk, pair.base->bytes(), at, kBlock)) continue;
    list += fmt::format(R"({}{{"offset":{},"length":{},"exists":"{}"}})", list.empty() ? "" : ",",
                        at, kBlock, !is_zeros(disk, at, kBlock));
  }
  const TextFile file("[" + list + "]");
  const Image image =
      make_image(pair.disk, options,
                 {.what = Only{.changes = ChangedList{file.path()}},
                  .scan = *rc::gen::element(Scan::kZeros, Scan::kHoles, Scan::kNone)});
  const auto bytes = read_all(image);
  IncrementDecoder decoder(bytes, in_sectors(pair.base->bytes()));
  RC_ASSERT(decoder.disk() == in_sectors(disk));
  decoder.check_refcounts();
}

RC_GTEST_PROP(IncrementProperty, SegmentsAndPiecesAreThoseOfTheWhole, ()) {
  const Pair pair = arbitrary_pair();
  const Image image =
      make_image(pair.disk, arbitrary_increment(), {.what = Against{.base = pair.base}});
  const auto whole = read_all(image);
  const auto begin = *rc::gen::inRange<std::uint64_t>(0, image.size() + 1);
  const auto length = *rc::gen::inRange<std::uint64_t>(0, image.size() - begin + 1);
  ByteVector piece(length);
  image.read(HostOffset(begin), piece);
  RC_ASSERT(std::ranges::equal(piece, std::span(whole).subspan(begin, length)));
  Image::Segments segments = image.segments({HostOffset(begin), length});
  HostOffset at(begin);
  while (const auto segment = segments.next()) {
    RC_ASSERT(segment->range.begin == at);
    const auto bytes = std::span(whole).subspan(at.value(), segment->range.length);
    if (segment->kind == Segment::Kind::kZeros) {
      RC_ASSERT(std::ranges::all_of(bytes, [](std::byte b) { return b == std::byte{0}; }));
    } else if (segment->kind == Segment::Kind::kDisk) {
      const auto from = std::span(pair.disk->bytes()).subspan(segment->disk_offset.value());
      RC_ASSERT(std::ranges::equal(bytes, from.first(bytes.size())));
    }
    at = segment->range.end();
  }
  RC_ASSERT(at == HostOffset(begin + length));
}

}  // namespace
}  // namespace qcow2stream
