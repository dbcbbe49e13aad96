// SPDX-License-Identifier: GPL-2.0-or-later
//
// The image object: any range equals the same range of the whole, and the whole decodes to the
// disk.

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <map>
#include <thread>

#include "base/endian.h"
#include "qcow2/entries.h"
#include "qcow2/header.h"
#include "qcow2/refcounts.h"
#include "testing.h"

namespace qcow2stream {
namespace {

using testing::make_image;
using testing::MemoryDisk;
using testing::read_all;

std::shared_ptr<const MemoryDisk> arbitrary_disk() {
  const auto size = *rc::gen::inRange<std::size_t>(0, 700'000);
  std::vector<std::byte> bytes(size);
  const auto runs = size == 0 ? 0 : *rc::gen::inRange(0, 10);
  for (int i = 0; i < runs; ++i) {
    const auto begin = *rc::gen::inRange<std::size_t>(0, size);
    const auto most = *rc::gen::element<std::size_t>(1, 600, 70'000);
    const auto length = *rc::gen::inRange<std::size_t>(1, std::min(most, size - begin) + 1);
    const auto salt = *rc::gen::inRange<std::size_t>(0, 255);
    for (std::size_t k = begin; k < begin + length; ++k) {
      bytes[k] = static_cast<std::byte>((k * 31 + salt) % 255 + 1);
    }
  }
  return std::make_shared<MemoryDisk>(std::move(bytes));
}

ImageOptions arbitrary_options() {
  ImageOptions options;
  options.cluster_size = *rc::gen::element(512U, 1024U, 4096U, 65536U, 2U << 20);
  options.version = *rc::gen::element(2U, 3U, 3U);
  if (options.version == 3) {
    options.refcount_bits = *rc::gen::element(1U, 2U, 4U, 8U, 16U, 32U, 64U);
    if (options.cluster_size > 512 && *rc::gen::inRange(0, 4) == 0) {
      options.data_file = DataFile{.name = "data.raw", .raw = *rc::gen::arbitrary<bool>()};
    }
  }
  return options;
}

SurveyOptions arbitrary_survey() {
  return {.scan = *rc::gen::element(Scan::kZeros, Scan::kZeros, Scan::kNone),
          .threads = *rc::gen::inRange(1U, 4U)};
}

RC_GTEST_PROP(ImageProperty, PiecesPutTogetherAreTheWhole, ()) {
  const auto disk = arbitrary_disk();
  const Image image = make_image(disk, arbitrary_options(), arbitrary_survey());
  const auto whole = read_all(image);

  std::vector<std::byte> pieces;
  const auto mean = *rc::gen::element<std::uint64_t>(100, 5000, 100'000, 3'000'000);
  // Cuts at odd places, but not a million of them.
  const std::uint64_t least = image.size() / 500;
  while (pieces.size() < image.size()) {
    const std::uint64_t left = image.size() - pieces.size();
    const auto n = std::min(left, least + *rc::gen::inRange<std::uint64_t>(1, mean));
    std::vector<std::byte> piece(n, std::byte{0xee});
    image.read(HostOffset(pieces.size()), piece);
    pieces.insert(pieces.end(), piece.begin(), piece.end());
  }
  RC_ASSERT(pieces == whole);
}

RC_GTEST_PROP(ImageProperty, SegmentsCoverTheRangeAndSayWhatIsThere, ()) {
  const auto disk = arbitrary_disk();
  const Image image = make_image(disk, arbitrary_options(), arbitrary_survey());
  const auto whole = read_all(image);
  const auto begin = *rc::gen::inRange<std::uint64_t>(0, image.size() + 1);
  const auto length = *rc::gen::inRange<std::uint64_t>(0, image.size() - begin + 1);
  Image::Segments segments = image.segments({HostOffset(begin), length});
  HostOffset at(begin);
  while (const auto segment = segments.next()) {
    RC_ASSERT(segment->range.begin == at);
    RC_ASSERT(segment->range.length > 0U);
    const auto bytes = std::span(whole).subspan(at.value(), segment->range.length);
    if (segment->kind == Segment::Kind::kZeros) {
      RC_ASSERT(std::ranges::all_of(bytes, [](std::byte b) { return b == std::byte{0}; }));
    } else if (segment->kind == Segment::Kind::kDisk) {
      const auto from = std::span(disk->bytes()).subspan(segment->disk_offset.value());
      RC_ASSERT(std::ranges::equal(bytes, from.first(bytes.size())));
    }
    at = segment->range.end();
  }
  RC_ASSERT(at == HostOffset(begin + length));
}

// A reader of our own, as simple as can be: follows the tables and counts what they use.
class Decoder {
 public:
  Decoder(const std::vector<std::byte>& image, const std::vector<std::byte>& data_file)
      : image_(image), data_file_(data_file), header_(qcow2::decode_header(image)) {
    const auto& geometry = header_.geometry;
    use(HostOffset(0), 1);
    use(header_.refcount_table_offset, header_.refcount_table_clusters);
    use(header_.l1_offset, geometry.clusters_for(header_.l1_entries * 8));
    const std::uint64_t clusters = geometry.clusters_for(header_.virtual_size);
    disk_.resize(clusters * geometry.cluster_size());
    for (std::uint64_t i = 0; i < header_.l1_entries; ++i) {
      const std::uint64_t l1 = entry(header_.l1_offset, i);
      if (l1 == 0) continue;
      RC_ASSERT(qcow2::entry_copied(l1));
      use(qcow2::entry_offset(l1), 1);
      for (std::uint64_t k = 0; k < geometry.l2_entries(); ++k) {
        take_cluster(i * geometry.l2_entries() + k, entry(qcow2::entry_offset(l1), k));
      }
    }
    disk_.resize(header_.virtual_size);
  }

  [[nodiscard]] const std::vector<std::byte>& disk() const { return disk_; }

  // What the refcounts say is what the tables use, to the last entry of the last block.
  void check_refcounts() {
    const auto& geometry = header_.geometry;
    const std::uint64_t per_block = geometry.refcounts_per_block();
    const std::uint64_t blocks = header_.refcount_table_clusters * geometry.cluster_size() / 8;
    for (std::uint64_t b = 0; b < blocks; ++b) {
      const std::uint64_t offset = entry(header_.refcount_table_offset, b);
      if (offset != 0) use(HostOffset(offset), 1);
    }
    std::uint64_t counted = 0;
    for (std::uint64_t b = 0; b < blocks; ++b) {
      const std::uint64_t offset = entry(header_.refcount_table_offset, b);
      if (offset == 0) continue;
      const auto block = std::span(image_).subspan(offset, geometry.cluster_size());
      for (std::uint64_t i = 0; i < per_block; ++i) {
        const auto count = qcow2::refcount_at(block, geometry.refcount_order, i);
        const auto used = used_.find(b * per_block + i);
        RC_ASSERT(count == (used == used_.end() ? 0U : used->second));
        counted += count;
      }
    }
    RC_ASSERT(counted * geometry.cluster_size() == image_.size());
  }

 private:
  [[nodiscard]] std::uint64_t entry(HostOffset table, std::uint64_t index) const {
    return load_big<std::uint64_t>(&image_.at(table.value() + index * 8));
  }

  void use(HostOffset offset, ClusterCount clusters) {
    for (ClusterCount i = 0; i < clusters; ++i) {
      ++used_[(header_.geometry.cluster(offset) + i).value()];
    }
  }

  void take_cluster(std::uint64_t index, std::uint64_t l2) {
    if (l2 == qcow2::kUnallocatedEntry) return;
    RC_ASSERT(qcow2::entry_copied(l2));
    const std::uint64_t size = header_.geometry.cluster_size();
    const std::uint64_t offset = qcow2::entry_offset(l2).value();
    const bool external = header_.data_file_name.has_value();
    if (external) {
      RC_ASSERT(offset == index * size);
    } else {
      use(HostOffset(offset), 1);
      RC_ASSERT(offset + size <= image_.size());
    }
    const auto& from = external ? data_file_ : image_;
    const std::uint64_t n = std::min<std::uint64_t>(size, from.size() - offset);
    std::copy_n(from.begin() + static_cast<std::ptrdiff_t>(offset), n,
                disk_.begin() + static_cast<std::ptrdiff_t>(index * size));
  }

  const std::vector<std::byte>& image_;
  const std::vector<std::byte>& data_file_;
  qcow2::Header header_;
  std::vector<std::byte> disk_;
  std::map<std::uint64_t, std::uint64_t> used_;  // host cluster to references
};

RC_GTEST_PROP(ImageProperty, DecodesToTheDiskWithExactRefcounts, ()) {
  const auto disk = arbitrary_disk();
  const ImageOptions options = arbitrary_options();
  const Image image = make_image(disk, options, arbitrary_survey());
  const auto bytes = read_all(image);
  Decoder decoder(bytes, disk->bytes());
  auto padded = disk->bytes();
  padded.resize((padded.size() + 511) / 512 * 512);
  RC_ASSERT(decoder.disk() == padded);
  decoder.check_refcounts();
  RC_ASSERT(image.measure().required == bytes.size());
}

TEST(Image, ServesManyThreadsAtOnce) {
  std::vector<std::byte> bytes(3 << 20);
  for (std::size_t i = 0; i < bytes.size(); i += 1000) bytes[i] = static_cast<std::byte>(i % 251);
  const Image image =
      make_image(std::make_shared<MemoryDisk>(std::move(bytes)), {.cluster_size = 512});
  const auto whole = read_all(image);
  std::vector<std::vector<std::byte>> parts(4);
  {
    std::vector<std::jthread> threads;
    for (std::size_t t = 0; t < parts.size(); ++t) {
      threads.emplace_back([&, t] {
        parts[t].resize(whole.size());
        const std::size_t step = 1000 + t * 777;
        for (std::size_t at = 0; at < whole.size(); at += step) {
          const std::size_t n = std::min(step, whole.size() - at);
          image.read(HostOffset(at), std::span(parts[t]).subspan(at, n));
        }
      });
    }
  }
  for (const auto& part : parts) EXPECT_EQ(part, whole);
}

TEST(Image, IdDependsOnLayoutAndNotOnData) {
  const auto disk = [](std::size_t data_at, int value) {
    std::vector<std::byte> bytes(1 << 20);
    bytes[data_at] = static_cast<std::byte>(value);
    return std::make_shared<MemoryDisk>(std::move(bytes));
  };
  const std::string id = make_image(disk(0, 1), {}).id();
  EXPECT_EQ(id.substr(id.find('.')), ".-");  // no stamp: only the layout can be compared
  EXPECT_EQ(make_image(disk(5, 2), {}).id(), id);
  EXPECT_NE(make_image(disk(70'000, 1), {}).id(), id);
  EXPECT_NE(make_image(disk(0, 1), {.cluster_size = 4096}).id(), id);
}

}  // namespace
}  // namespace qcow2stream
