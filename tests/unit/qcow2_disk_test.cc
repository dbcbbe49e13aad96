// SPDX-License-Identifier: GPL-2.0-or-later
//
// Our reader against our writer, and what it says of images that are damaged. How it compares with
// QEMU: tests/qcow2.

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/endian.h"
#include "base/zero.h"
#include "qcow2/entries.h"
#include "qcow2/header.h"
#include "qcow2/header_fields.h"
#include "testing.h"

namespace qcow2stream {
namespace {

using testing::make_image;
using testing::MemoryDisk;
using testing::read_all;

std::vector<std::byte> some_content() {
  const auto size = *rc::gen::inRange<std::size_t>(0, 500'000);
  std::vector<std::byte> bytes(size);
  const auto runs = size == 0 ? 0 : *rc::gen::inRange(0, 12);
  for (int i = 0; i < runs; ++i) {
    const auto begin = *rc::gen::inRange<std::size_t>(0, size);
    const auto most = *rc::gen::element<std::size_t>(1, 600, 70'000);
    const auto length = *rc::gen::inRange<std::size_t>(1, std::min(most, size - begin) + 1);
    const auto period = *rc::gen::element<std::size_t>(1, 255, 100'000'007);
    for (std::size_t k = begin; k < begin + length; ++k) {
      const std::size_t x = k % period;
      bytes[k] = static_cast<std::byte>((x * x * 2'654'435'761U >> 13 ^ x * 31) % 255 + 1);
    }
  }
  return bytes;
}

ImageOptions some_options() {
  ImageOptions options;
  options.cluster_size = *rc::gen::element(512U, 4096U, 16384U, 65536U, 2U << 20);
  options.version = *rc::gen::element(2U, 3U, 3U);
  if (options.version == 3) {
    options.extended_l2 = options.cluster_size >= 16384 && *rc::gen::arbitrary<bool>();
  }
  if (*rc::gen::arbitrary<bool>()) {
    options.compression = Compression{.level = 1};
    if (options.version == 3 && *rc::gen::arbitrary<bool>()) {
      options.compression->type = CompressionType::kZstd;
    }
  }
  return options;
}

std::shared_ptr<const Disk> open_image(std::vector<std::byte> image) {
  return open_qcow2(std::make_shared<MemoryDisk>(std::move(image))).disk;
}

std::vector<std::byte> image_of(std::vector<std::byte> content, const ImageOptions& options) {
  return read_all(make_image(std::make_shared<MemoryDisk>(std::move(content)), options));
}

RC_GTEST_PROP(Qcow2DiskProperty, ReadsWhatWasWritten, ()) {
  auto content = some_content();
  const auto disk = open_image(image_of(content, some_options()));
  content.resize((content.size() + 511) / 512 * 512);
  RC_ASSERT(disk->size() == content.size());

  // In pieces of any size, by read() and by a queue.
  const auto queue = disk->queue();
  std::vector<std::byte> out(content.size());
  for (std::size_t at = 0; at < out.size();) {
    const auto most = *rc::gen::element<std::size_t>(512, 70'000, 500'000);
    const auto length = *rc::gen::inRange<std::size_t>(1, std::min(most, out.size() - at) + 1);
    const auto piece = std::span(out).subspan(at, length);
    if (*rc::gen::arbitrary<bool>()) {
      queue->submit(GuestOffset(at), piece, at);
      RC_ASSERT(queue->wait() == at);
    } else {
      disk->read(GuestOffset(at), piece);
    }
    at += length;
  }
  RC_ASSERT(out == content);

  // Zeros are zeros, and the runs cover the disk.
  std::uint64_t at = 0;
  const auto runs = disk->runs({GuestOffset(0), disk->size()});
  while (const auto run = runs->next()) {
    RC_ASSERT(run->range.begin.value() == at);
    RC_ASSERT(run->range.length > 0U);
    const auto bytes = std::span(content).subspan(at, run->range.length);
    RC_ASSERT(run->is_data() || is_zero(bytes));
    at += run->range.length;
  }
  RC_ASSERT(at == disk->size());
}

RC_GTEST_PROP(Qcow2DiskProperty, ManyRequestsAtOnceComeBackOnce, ()) {
  const auto content = some_content();
  const auto disk = open_image(image_of(content, some_options()));
  if (disk->size() == 0) return;
  constexpr std::size_t kRequests = 40;
  const auto queue = disk->queue();
  std::vector<std::vector<std::byte>> buffers(kRequests);
  std::vector<std::uint64_t> begins(kRequests);
  for (std::size_t i = 0; i < kRequests; ++i) {
    begins[i] = *rc::gen::inRange<std::uint64_t>(0, disk->size());
    buffers[i].resize(*rc::gen::inRange<std::uint64_t>(
        1, std::min<std::uint64_t>(disk->size() - begins[i], 9000) + 1));
    queue->submit(GuestOffset(begins[i]), buffers[i], i);
  }
  std::vector<std::uint64_t> tags;
  for (std::size_t i = 0; i < kRequests; ++i) tags.push_back(queue->wait());
  std::ranges::sort(tags);
  for (std::size_t i = 0; i < kRequests; ++i) {
    RC_ASSERT(tags[i] == i);
    for (std::size_t k = 0; k < buffers[i].size(); ++k) {
      const std::size_t at = begins[i] + k;
      RC_ASSERT(buffers[i][k] == (at < content.size() ? content[at] : std::byte{0}));
    }
  }
}

// Its entry lies behind the first 4 KiB of its table, which is the smallest piece that is read.
TEST(Qcow2Disk, FindsAClusterFarIntoATable) {
  constexpr std::size_t kAt = 33 * testing::kMiB;
  std::vector<std::byte> content(kAt + 100'000);
  std::ranges::fill(std::span(content).subspan(kAt), std::byte{7});
  const auto disk = open_image(image_of(content, {}));
  std::vector<std::byte> out(100'000);
  disk->read(GuestOffset(kAt), out);
  EXPECT_EQ(out, std::vector<std::byte>(100'000, std::byte{7}));
  disk->read(GuestOffset(testing::kMiB), out);
  EXPECT_TRUE(is_zero(out));
}

// An image of four clusters: the first two hold data.
class DamagedImage : public ::testing::Test {
 protected:
  static constexpr std::uint64_t kCluster = 65536;

  explicit DamagedImage(const ImageOptions& options = {}) {
    std::vector<std::byte> content(4 * kCluster);
    std::ranges::fill(std::span(content).first(2 * kCluster), std::byte{7});
    image_ = image_of(std::move(content), options);
    const auto header = qcow2::decode_header(image_);
    l1_ = header.l1_offset.value();
    l2_ = qcow2::entry_offset(load_big<std::uint64_t>(&image_[l1_])).value();
  }

  [[nodiscard]] std::uint64_t entry(std::size_t index) const {
    return load_big<std::uint64_t>(&image_[l2_ + index * 8]);
  }
  void set_entry(std::size_t index, std::uint64_t value) {
    store_big(&image_[l2_ + index * 8], value);
  }

  // What reading the whole disk says; empty where it reads.
  [[nodiscard]] std::string reason() const {
    try {
      const auto disk = open_image(image_);
      std::vector<std::byte> all(disk->size());
      disk->read(GuestOffset(0), all);
      return "";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kFailed);
      return error.reason();
    }
  }

  [[nodiscard]] std::byte first_byte_of(std::size_t cluster) const {
    std::byte byte{0xee};
    open_image(image_)->read(GuestOffset(cluster * kCluster), std::span(&byte, 1));
    return byte;
  }

  std::vector<std::byte> image_;
  std::size_t l1_ = 0;
  std::size_t l2_ = 0;
};

TEST_F(DamagedImage, IsReadWhereItIsSound) {
  EXPECT_EQ(reason(), "");
  EXPECT_EQ(first_byte_of(0), std::byte{7});
  EXPECT_EQ(first_byte_of(2), std::byte{0});
}

TEST_F(DamagedImage, ReservedBitsSayNothing) {
  set_entry(0, entry(0) | 1ULL << 60 | 1ULL << 4);
  EXPECT_EQ(reason(), "");
  EXPECT_EQ(first_byte_of(0), std::byte{7});
}

TEST_F(DamagedImage, TheZeroFlagHidesACluster) {
  set_entry(0, entry(0) | 1);
  EXPECT_EQ(first_byte_of(0), std::byte{0});
  EXPECT_EQ(first_byte_of(1), std::byte{7});
}

TEST_F(DamagedImage, OffsetsAreThoseOfClusters) {
  set_entry(1, entry(1) + 512);
  EXPECT_EQ(reason(), "the cluster cannot be read: its offset 393728 is not that of a cluster");
  EXPECT_EQ(first_byte_of(0), std::byte{7});
  set_entry(1, (entry(1) - 512) | 1);
  EXPECT_EQ(reason(), "");
}

TEST_F(DamagedImage, DataDoesNotBeginBehindTheEnd) {
  set_entry(1, std::uint64_t{image_.size()});
  EXPECT_EQ(reason(), "the cluster cannot be read: it lies at 458752, behind the end of the file");
}

TEST_F(DamagedImage, DataMayEndBehindTheEnd) {
  image_.resize(image_.size() - 100);
  EXPECT_EQ(reason(), "");
  const auto disk = open_image(image_);
  std::vector<std::byte> end(200);
  disk->read(GuestOffset(2 * kCluster - 200), end);
  EXPECT_EQ(end[99], std::byte{7});
  EXPECT_EQ(end[100], std::byte{0});
}

TEST_F(DamagedImage, TablesAreThoseOfTheFile) {
  store_big(&image_[l1_], qcow2::kCopied | (l2_ + 512));
  EXPECT_EQ(reason(),
            "L1 entry 0 has the offset 262656 for its L2 table, which is not that of a cluster");
  store_big(&image_[l1_], qcow2::kCopied | std::uint64_t{1} << 50);
  EXPECT_EQ(reason(),
            "the L2 table of L1 entry 0 lies at 1125899906842624, behind the end of the file");
  // One that begins in the file and ends behind it.
  const std::uint64_t end = image_.size();
  image_.resize(end + 512);
  store_big(&image_[l1_], qcow2::kCopied | end);
  EXPECT_EQ(reason(), "the L2 table of L1 entry 0 lies at 458752, behind the end of the file");
  store_big(&image_[qcow2::kL1OffsetAt], std::uint64_t{1} << 50);
  EXPECT_EQ(reason(), "its L1 table lies behind the end of the file");
}

TEST_F(DamagedImage, CompressedDataLiesInTheFileAndDecodes) {
  const auto entry_for = [](std::uint64_t offset, std::uint64_t size) {
    return qcow2::encode_compressed_entry(HostOffset(offset), size, 16);
  };
  set_entry(2, entry_for(image_.size(), 512));
  EXPECT_EQ(reason(),
            "the cluster cannot be read: its compressed data lies at 458752, behind the end of the "
            "file");
  set_entry(2, entry_for(image_.size() - 512, 66048));
  EXPECT_EQ(reason(),
            "the cluster cannot be read: its compressed data at 458240 ends far behind the end of "
            "the file");
  // With clusters of 64 KiB that is the highest bit of the offset.
  set_entry(2, qcow2::kCompressedFlag | std::uint64_t{1} << 53 | (image_.size() - kCluster));
  EXPECT_NE(reason().find("behind the end of the file"), std::string::npos) << reason();
  // The data of the second cluster is no deflate stream.
  set_entry(2, entry_for(image_.size() - kCluster, 512));
  EXPECT_NE(reason().find("(at 393216 in the file)"), std::string::npos) << reason();
}

class ZstdImage : public DamagedImage {
 protected:
  ZstdImage() : DamagedImage({.compression = Compression{.type = CompressionType::kZstd}}) {}
};

// zstd refuses a window of 1 GiB where it decodes a frame piece by piece, and does not need it
// where it decodes the frame at once. QEMU does the latter.
TEST_F(ZstdImage, TheBeginningOfAClusterIsReadWhereAllOfItIs) {
  const std::vector<unsigned> frame = {
      0x28, 0xb5, 0x2f, 0xfd, 0x80, 0xa0, 0,
      0,    1,    0,    0x03, 0,    0x08, 'r'};  // 64 KiB; a byte, repeated
  const std::size_t at = entry(0) & ((std::uint64_t{1} << 54) - 1);
  std::ranges::transform(frame, image_.begin() + static_cast<std::ptrdiff_t>(at),
                         [](unsigned byte) { return static_cast<std::byte>(byte); });
  EXPECT_EQ(first_byte_of(0), std::byte{'r'});
  EXPECT_EQ(reason(), "");
}

class DamagedVersion2 : public DamagedImage {
 protected:
  DamagedVersion2() : DamagedImage({.version = 2}) {}
};

TEST_F(DamagedVersion2, HasNoZeroFlag) {
  set_entry(2, 1);
  EXPECT_EQ(reason(), "the cluster cannot be read: it is of zeros, unknown to version 2");
}

class DamagedSubclusters : public DamagedImage {
 protected:
  DamagedSubclusters() : DamagedImage({.extended_l2 = true}) {}
  void set_bits(std::size_t index, std::uint64_t bits) {
    store_big(&image_[l2_ + index * 16 + 8], bits);
  }
};

TEST_F(DamagedSubclusters, AreReadOneByOne) {
  set_bits(0, 0xff000000'00ffffffULL);  // the last eight are zeros
  set_bits(1, 0x00000000'0000ffffULL);  // the second half is not there
  EXPECT_EQ(reason(), "");
  std::vector<std::byte> all(2 * kCluster);
  open_image(image_)->read(GuestOffset(0), all);
  constexpr std::uint64_t kSub = kCluster / 32;
  EXPECT_EQ(all[24 * kSub - 1], std::byte{7});
  EXPECT_EQ(all[24 * kSub], std::byte{0});
  EXPECT_EQ(all[kCluster], std::byte{7});
  EXPECT_EQ(all[kCluster + 16 * kSub], std::byte{0});
}

TEST_F(DamagedSubclusters, CannotBeAndNotBe) {
  set_bits(1, 0x00000001'ffffffffULL);
  EXPECT_EQ(reason(), "the cluster cannot be read: its subclusters are and are not there");
  set_bits(1, 0);
  EXPECT_EQ(reason(), "");
  set_bits(2, 1);  // without a cluster
  EXPECT_EQ(reason(), "the cluster cannot be read: its subclusters are and are not there");
}

TEST(Qcow2Disk, RefersToNoOtherFileWhereItHasNoName) {
  ImageOptions options;
  options.backing_file = BackingFile{.name = "base.raw", .format = "raw"};
  const auto disk = std::make_shared<MemoryDisk>(std::vector<std::byte>(65536, std::byte{1}));
  const auto base = std::make_shared<MemoryDisk>(std::vector<std::byte>(65536));
  auto image = read_all(make_image(disk, options, {.what = Against{.base = base}}));
  EXPECT_THROW(open_image(std::move(image)), Error);
}

}  // namespace
}  // namespace qcow2stream
