// SPDX-License-Identifier: GPL-2.0-or-later
//
// The image object: any range equals the same range of the whole, and the whole decodes to the
// disk.

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <optional>
#include <thread>

#include "image_walker.h"
#include "qcow2/entries.h"
#include "qcow2/header.h"
#include "system/fd.h"
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
    // Some of it repeats soon, some at a distance, some not at all.
    const auto period = *rc::gen::element<std::size_t>(1, 255, 20'011, 100'000'007);
    for (std::size_t k = begin; k < begin + length; ++k) {
      const std::size_t x = k % period;
      bytes[k] = static_cast<std::byte>((x * x * 2'654'435'761U >> 13 ^ x * 31 ^ salt) % 255 + 1);
    }
  }
  return std::make_shared<MemoryDisk>(std::move(bytes));
}

// The fast levels, since 2 MiB are compressed for a byte.
Compression arbitrary_compression(const ImageOptions& options) {
  Compression compression;
  if (options.version == 3 && *rc::gen::arbitrary<bool>()) {
    compression.type = CompressionType::kZstd;
  } else {
    compression.deflate_window = *rc::gen::element(4096U, 32768U);
  }
  const auto level = *rc::gen::inRange(0, 4);
  if (level > 0) compression.level = level;
  return compression;
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
    options.extended_l2 = options.cluster_size >= 16384 && *rc::gen::arbitrary<bool>();
  }
  if (!options.data_file && options.refcount_bits > 1 && *rc::gen::arbitrary<bool>()) {
    options.compression = arbitrary_compression(options);
  }
  return options;
}

SurveyOptions arbitrary_survey() {
  return {.scan = *rc::gen::element(Scan::kZeros, Scan::kZeros, Scan::kNone),
          .threads = *rc::gen::inRange(1U, 4U),
          .spool_memory = *rc::gen::element<std::uint64_t>(0, 5000, kDefaultSpoolMemory),
          .spool_directory = *rc::gen::element<std::optional<std::string>>(std::nullopt, "/tmp")};
}

RC_GTEST_PROP(ImageProperty, PiecesPutTogetherAreTheWhole, ()) {
  const auto disk = arbitrary_disk();
  const Image image = make_image(disk, arbitrary_options(), arbitrary_survey());
  const auto whole = read_all(image);

  std::vector<std::byte> pieces;
  const auto mean = *rc::gen::element<std::uint64_t>(100, 5000, 100'000, 3'000'000);
  // Cuts at odd places, but not a million of them. Each may compress a cluster again.
  const std::uint64_t least = image.size() / (image.options().compression ? 50 : 500);
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

// The cluster that `stream` begins with, as a reader that keeps to the window gets it.
std::vector<std::byte> decompressed(std::span<const std::byte> stream,
                                    const ImageOptions& options) {
  std::vector<std::byte> cluster(options.cluster_size);
  if (options.compression->type == CompressionType::kZstd) {
    const std::size_t frame = ZSTD_findFrameCompressedSize(stream.data(), stream.size());
    RC_ASSERT(ZSTD_isError(frame) == 0U);
    RC_ASSERT(ZSTD_decompress(cluster.data(), cluster.size(), stream.data(), frame) ==
              cluster.size());
    return cluster;
  }
  z_stream z = {};
  RC_ASSERT(inflateInit2(&z, -std::countr_zero(options.compression->deflate_window)) == Z_OK);
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-const-cast): zlib does not write there
  z.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(stream.data()));
  z.avail_in = static_cast<uInt>(stream.size());
  int result = Z_OK;
  // In pieces that are shorter than the window: zlib has nothing but that to look back into.
  while (result == Z_OK && z.total_out < cluster.size()) {
    std::array<std::byte, 500> piece{};
    z.next_out = reinterpret_cast<Bytef*>(piece.data());
    const auto n = std::min<std::uint64_t>(piece.size(), cluster.size() - z.total_out);
    z.avail_out = static_cast<uInt>(n);
    const auto at = static_cast<std::ptrdiff_t>(z.total_out);
    result = inflate(&z, Z_NO_FLUSH);
    std::copy_n(piece.begin(), n - z.avail_out, cluster.begin() + at);
  }
  if (result == Z_OK) result = inflate(&z, Z_NO_FLUSH);  // the end mark may still be to come
  const auto total = z.total_out;
  inflateEnd(&z);
  RC_ASSERT(result == Z_STREAM_END);
  RC_ASSERT(total == cluster.size());
  return cluster;
}

// Reads the whole disk back out of an image.
class Decoder {
 public:
  Decoder(const std::vector<std::byte>& image, const std::vector<std::byte>& data_file,
          const ImageOptions& options)
      : image_(image), data_file_(data_file), options_(options), walker_(image, image.size()) {
    disk_.resize((walker_.header().virtual_size + cluster_size() - 1) / cluster_size() *
                 cluster_size());
    walker_.walk([this](GuestCluster cluster, std::uint64_t entry, std::uint64_t subclusters) {
      take_cluster(cluster.value(), entry);
      const bool whole = !options_.extended_l2 || (entry & qcow2::kCompressedFlag) != 0;
      RC_ASSERT(subclusters == (whole ? 0 : qcow2::kAllSubclustersAllocated));
    });
    walker_.check_refcounts();
    disk_.resize(walker_.header().virtual_size);
  }

  [[nodiscard]] const std::vector<std::byte>& disk() const { return disk_; }
  [[nodiscard]] ClusterCount compressed() const { return compressed_; }

 private:
  [[nodiscard]] std::uint64_t cluster_size() const { return options_.cluster_size; }

  void take_cluster(std::uint64_t index, std::uint64_t entry) {
    const auto to = disk_.begin() + static_cast<std::ptrdiff_t>(index * cluster_size());
    if ((entry & qcow2::kCompressedFlag) != 0) {
      const HostRange range =
          qcow2::decode_compressed_entry(entry, walker_.header().geometry.cluster_bits);
      const auto stream = std::span(image_).subspan(range.begin.value(), range.length);
      std::ranges::copy(decompressed(stream, options_), to);
      ++compressed_;
      return;
    }
    const auto& from = options_.data_file ? data_file_ : image_;
    const std::uint64_t offset = qcow2::entry_offset(entry).value();
    if (!options_.data_file) RC_ASSERT(offset + cluster_size() <= image_.size());
    const std::uint64_t n = std::min<std::uint64_t>(cluster_size(), from.size() - offset);
    std::copy_n(from.begin() + static_cast<std::ptrdiff_t>(offset), n, to);
  }

  const std::vector<std::byte>& image_;
  const std::vector<std::byte>& data_file_;
  const ImageOptions& options_;
  testing::ImageWalker walker_;
  std::vector<std::byte> disk_;
  ClusterCount compressed_ = 0;
};

RC_GTEST_PROP(ImageProperty, DecodesToTheDiskWithExactRefcounts, ()) {
  const auto disk = arbitrary_disk();
  const ImageOptions options = arbitrary_options();
  const Image image = make_image(disk, options, arbitrary_survey());
  const auto bytes = read_all(image);
  const Decoder decoder(bytes, disk->bytes(), options);
  auto padded = disk->bytes();
  padded.resize((padded.size() + 511) / 512 * 512);
  RC_ASSERT(decoder.disk() == padded);
  RC_ASSERT(image.measure().required == bytes.size());
  RC_ASSERT(image.measure().compressed == decoder.compressed());
}

// What is kept of the survey, and what its threads do, shows nowhere.
RC_GTEST_PROP(ImageProperty, CompressedBytesDependOnDiskAndOptionsAlone, ()) {
  const auto disk = arbitrary_disk();
  ImageOptions options = arbitrary_options();
  options.data_file.reset();
  options.refcount_bits = std::max(options.refcount_bits, 2U);
  options.compression = arbitrary_compression(options);
  const SurveyOptions survey = arbitrary_survey();
  SurveyOptions other = arbitrary_survey();
  other.scan = survey.scan;
  const Image image = make_image(disk, options, survey);
  const Image again = make_image(disk, options, other);
  RC_ASSERT(read_all(again) == read_all(image));
  RC_ASSERT(again.id() == image.id());
}

// The plan comes from a survey of another disk: the size of one cluster is wrong.
TEST(Image, AClusterThatCompressesToAnotherSizeIsAChangeOfTheDisk) {
  for (const CompressionType type : {CompressionType::kZlib, CompressionType::kZstd}) {
    std::vector<std::byte> bytes(300'000, std::byte{1});
    const ImageOptions options{.compression = Compression{.type = type}};
    SurveyResult found = survey(MemoryDisk(bytes), options, {.spool_memory = 0});
    for (std::size_t i = std::size_t{2} * 65536; i < std::size_t{3} * 65536; i += 13)
      bytes[i] = static_cast<std::byte>(i);
    const Image image(std::make_shared<MemoryDisk>(std::move(bytes)), options, std::move(found));
    try {
      read_all(image);
      ADD_FAILURE();
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kChanged);
      EXPECT_NE(std::string(error.what()).find("the cluster at 131072 compresses to"),
                std::string::npos)
          << error.what();
    }
  }
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

TEST(Image, IsOfTheDiskAndOptionsOfItsSurvey) {
  const auto disk = std::make_shared<MemoryDisk>(std::vector<std::byte>(1 << 20, std::byte{1}));
  const auto longer = std::make_shared<MemoryDisk>(std::vector<std::byte>(2 << 20, std::byte{1}));
  const auto surveyed = survey(*disk, {});
  EXPECT_NO_THROW(Image(disk, {}, surveyed));
  EXPECT_THROW(Image(disk, {.cluster_size = 4096}, surveyed), Error);
  EXPECT_THROW(Image(longer, {}, surveyed), Error);
  EXPECT_THROW(Image(disk, {}, {}), Error);
}

TEST(Image, EmitsNothingThatIsNotInIt) {
  const Image image = make_image(std::make_shared<MemoryDisk>(std::vector<std::byte>(1000)), {});
  const UniqueFd out(::memfd_create("image", MFD_CLOEXEC));
  EXPECT_THROW(emit(image, {HostOffset(0), image.size() + 1}, out.get()), Error);
  EXPECT_THROW(emit(image, {HostOffset(image.size() + 1), 0}, out.get()), Error);
  EXPECT_THROW(emit(image, {HostOffset(1), ~std::uint64_t{0}}, out.get()), Error);
  EXPECT_EQ(::lseek(out.get(), 0, SEEK_END), 0);
  EXPECT_NO_THROW(emit(image, {HostOffset(image.size()), 0}, out.get()));
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
