// SPDX-License-Identifier: GPL-2.0-or-later
//
// Ranges of images of small disks: the input says what the disk holds, the options, and the ranges.
// The whole is read once and decoded without any of our own code for compression. Each range that
// is read or emitted is that of the whole, and so is what the segments say of it.

#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "image_walker.h"
#include "input.h"
#include "system/fd.h"
#include "testing.h"

namespace qcow2stream::fuzz {
namespace {

using Bytes = std::vector<std::byte>;

constexpr std::size_t kMostBytes = 300'000;
constexpr unsigned kRanges = 8;

ImageOptions read_options(Input& input) {
  ImageOptions options;
  const unsigned kind = input.byte();
  options.cluster_size = 512U << (kind % 8);
  options.version = kind / 8 % 4 == 0 ? 2 : 3;
  const unsigned more = input.byte();
  if (options.version == 3) {
    options.refcount_bits = 1U << (kind / 32 % 7);
    options.extended_l2 = options.cluster_size >= 16384 && more % 2 == 1;
    if (more / 2 % 8 == 1) options.data_file = DataFile{.name = "data", .raw = more / 16 % 2 == 1};
  }
  if (options.refcount_bits > 1 && more / 2 % 2 == 0) {
    options.compression = Compression{};
    if (options.version == 3 && more / 16 % 2 == 1) {
      options.compression->type = CompressionType::kZstd;
    }
  }
  return find_problem(options) ? ImageOptions{} : options;
}

// Runs of data that repeats soon, at a distance or not at all, with zeros between.
Bytes read_disk(Input& input) {
  Bytes bytes(std::min<std::size_t>(input.number(), kMostBytes));
  const unsigned runs = input.byte() % 16U;
  std::size_t end = 0;
  for (unsigned run = 0; run < runs && !bytes.empty(); ++run) {
    const std::size_t begin = std::min<std::size_t>(end + input.number(), bytes.size());
    end = std::min<std::size_t>(begin + input.number(), bytes.size());
    const unsigned salt = input.byte();
    const std::size_t period = 1 + input.number();
    for (std::size_t i = begin; i < end; ++i) {
      const std::size_t x = i % period;
      bytes[i] = static_cast<std::byte>((x * x * 2'654'435'761U >> 13 ^ x * 31 ^ salt) % 255 + 1);
    }
  }
  return bytes;
}

SurveyOptions read_survey(Input& input) {
  const unsigned kind = input.byte();
  return {.scan = kind % 4 == 0 ? Scan::kNone : Scan::kZeros,
          .threads = 1 + kind / 4 % 2,
          .spool_memory = kind / 8 % 2 == 0 ? 0 : kDefaultSpoolMemory};
}

// What a reader makes of the cluster that `stream` begins with.
Bytes decompressed(std::span<const std::byte> stream, const ImageOptions& options) {
  Bytes cluster(options.cluster_size);
  if (options.compression->type == CompressionType::kZstd) {
    const std::size_t frame = ZSTD_findFrameCompressedSize(stream.data(), stream.size());
    require(ZSTD_isError(frame) == 0, "a frame of zstd");
    require(ZSTD_decompress(cluster.data(), cluster.size(), stream.data(), frame) == cluster.size(),
            "zstd");
    return cluster;
  }
  z_stream z = {};
  require(inflateInit2(&z, -12) == Z_OK, "inflateInit2");
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-const-cast): zlib does not write there
  z.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(stream.data()));
  z.avail_in = static_cast<uInt>(stream.size());
  z.next_out = reinterpret_cast<Bytef*>(cluster.data());
  z.avail_out = static_cast<uInt>(cluster.size());
  const int result = inflate(&z, Z_FINISH);
  inflateEnd(&z);
  require(result == Z_STREAM_END && z.avail_out == 0, "inflate");
  return cluster;
}

// The whole image is the disk's: what it has, where, and zeros elsewhere.
void check_whole(const Image& image, const Bytes& whole, const Bytes& disk) {
  const std::uint64_t size = image.options().cluster_size;
  Bytes padded = disk;
  padded.resize((disk.size() + size - 1) / size * size);
  Bytes seen(padded.size());
  testing::ImageWalker walker(whole, whole.size());
  walker.walk([&](GuestCluster cluster, std::uint64_t entry, std::uint64_t /*subclusters*/) {
    const auto at = static_cast<std::ptrdiff_t>(cluster.value() * size);
    if ((entry & qcow2::kCompressedFlag) != 0) {
      const auto range =
          qcow2::decode_compressed_entry(entry, walker.header().geometry.cluster_bits);
      const auto stream = std::span(whole).subspan(range.begin.value(), range.length);
      std::ranges::copy(decompressed(stream, image.options()), seen.begin() + at);
    } else if (image.options().data_file) {
      std::copy_n(padded.begin() + at, size, seen.begin() + at);  // it is not in the image
    } else {
      const auto from = std::span(whole).subspan(qcow2::entry_offset(entry).value(), size);
      std::ranges::copy(from, seen.begin() + at);
    }
  });
  walker.check_refcounts();
  require(seen == padded, "the image is not the disk's");
}

void check_segments(const Image& image, HostRange range, const Bytes& whole, const Bytes& disk) {
  Image::Segments segments = image.segments(range);
  HostOffset at = range.begin;
  while (const auto segment = segments.next()) {
    require(segment->range.begin == at && segment->range.length > 0, "segments in a row");
    const auto bytes = std::span(whole).subspan(at.value(), segment->range.length);
    if (segment->kind == Segment::Kind::kZeros) {
      require(std::ranges::all_of(bytes, [](std::byte b) { return b == std::byte{0}; }), "zeros");
    } else if (segment->kind == Segment::Kind::kDisk) {
      const auto from = std::span(disk).subspan(segment->disk_offset.value(), bytes.size());
      require(std::ranges::equal(bytes, from), "a run of the disk");
    }
    at = segment->range.end();
  }
  require(at == range.end(), "the end of the segments");
}

void check_range(const Image& image, HostRange range, const Bytes& whole, const Bytes& disk) {
  const auto wanted = std::span(whole).subspan(range.begin.value(), range.length);
  Bytes piece(range.length, std::byte{0xee});
  image.read(range.begin, piece);
  require(std::ranges::equal(piece, wanted), "a range that is read");
  check_segments(image, range, whole, disk);
}

void check_emission(const Image& image, HostRange range, const Bytes& whole) {
  const UniqueFd out(::memfd_create("image", MFD_CLOEXEC));
  emit(image, range, out.get(), {.threads = 1});
  Bytes piece(range.length + 1);
  const auto got = ::pread(out.get(), piece.data(), piece.size(), 0);
  require(got == static_cast<ssize_t>(range.length), "the length of what is emitted");
  piece.pop_back();
  require(std::ranges::equal(piece, std::span(whole).subspan(range.begin.value(), range.length)),
          "a range that is emitted");
}

HostRange read_range(Input& input, std::uint64_t size) {
  const std::uint64_t begin = input.number() % (size + 1);
  return {HostOffset(begin), input.number() % (size - begin + 1)};
}

void check(Input& input) {
  const ImageOptions options = read_options(input);
  const SurveyOptions survey = read_survey(input);
  const auto disk = std::make_shared<testing::MemoryDisk>(read_disk(input));
  const Image image = testing::make_image(disk, options, survey);
  const Bytes whole = testing::read_all(image);
  check_whole(image, whole, disk->bytes());
  check_range(image, image.whole(), whole, disk->bytes());
  check_emission(image, read_range(input, image.size()), whole);
  for (unsigned i = 0; i < kRanges && !input.at_end(); ++i) {
    check_range(image, read_range(input, image.size()), whole, disk->bytes());
  }
}

}  // namespace
}  // namespace qcow2stream::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return qcow2stream::fuzz::run("range", [&] {
    qcow2stream::fuzz::Input input({data, size});
    qcow2stream::fuzz::check(input);
  });
}
