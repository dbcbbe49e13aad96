// SPDX-License-Identifier: GPL-2.0-or-later
//
// Digests of what is written.

#include "qcow2stream/digest.h"
#include "qcow2stream/file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/hex.h"
#include "digest/crc64_nvme.h"
#include "digest/hasher.h"
#include "emit/digest_threads.h"
#include "system/fd.h"
#include "testing.h"

namespace qcow2stream {
namespace {

using testing::make_image;
using testing::MemoryDisk;
using testing::read_all;

constexpr std::array kAll = {DigestAlgorithm::kSha256,   DigestAlgorithm::kSha512,
                             DigestAlgorithm::kBlake2b,  DigestAlgorithm::kSha1,
                             DigestAlgorithm::kMd5,      DigestAlgorithm::kCrc32c,
                             DigestAlgorithm::kCrc64Nvme};

std::vector<std::byte> digest_of(DigestAlgorithm algorithm, std::span<const std::byte> bytes) {
  const auto hasher = make_hasher(algorithm);
  hasher->update(bytes);
  return hasher->finish();
}

std::string hex_of(DigestAlgorithm algorithm, std::string_view text) {
  return hex(digest_of(algorithm, std::as_bytes(std::span(text))));
}

// RFC 6234, RFC 7693, RFC 1321, RFC 3720 and the NVM Command Set Specification have such values.
TEST(Digest, PublishedValues) {
  EXPECT_EQ(hex_of(DigestAlgorithm::kSha256, "abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(hex_of(DigestAlgorithm::kSha512, "abc"),
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
            "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f");
  EXPECT_EQ(hex_of(DigestAlgorithm::kBlake2b, "abc"),
            "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1"
            "7d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923");
  EXPECT_EQ(hex_of(DigestAlgorithm::kSha1, "abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
  EXPECT_EQ(hex_of(DigestAlgorithm::kMd5, "abc"), "900150983cd24fb0d6963f7d28e17f72");
  EXPECT_EQ(hex_of(DigestAlgorithm::kCrc32c, "123456789"), "e3069283");
  EXPECT_EQ(hex_of(DigestAlgorithm::kCrc32c, std::string(32, '\0')), "8a9136aa");
  EXPECT_EQ(hex_of(DigestAlgorithm::kCrc32c, ""), "00000000");
  EXPECT_EQ(hex_of(DigestAlgorithm::kCrc64Nvme, "123456789"), "ae8b14860a799888");
  EXPECT_EQ(hex_of(DigestAlgorithm::kCrc64Nvme, std::string(4096, '\0')), "6482d367eb22b64e");
  EXPECT_EQ(hex_of(DigestAlgorithm::kCrc64Nvme, std::string(4096, '\xff')), "c0ddba7302eca3ac");
}

// Bit by bit, as the polynomial is defined.
std::uint64_t simple_crc64(const std::vector<std::byte>& bytes) {
  std::uint64_t crc = ~std::uint64_t{0};
  for (const std::byte byte : bytes) {
    crc ^= std::to_integer<std::uint64_t>(byte);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ ((crc & 1) != 0 ? 0x9a6c9329ac4bc9b5U : 0U);
  }
  return ~crc;
}

TEST(Digest, PiecesOfACrcMakeTheWhole) {
  rc::check("crc64_nvme", [](const std::vector<std::uint8_t>& numbers) {
    std::vector<std::byte> bytes(numbers.size());
    std::ranges::transform(numbers, bytes.begin(), [](auto n) { return std::byte{n}; });
    const auto cut = *rc::gen::inRange<std::size_t>(0, bytes.size() + 1);
    const std::span all(bytes);
    RC_ASSERT(crc64_nvme(crc64_nvme(0, all.first(cut)), all.subspan(cut)) == simple_crc64(bytes));
  });
}

std::vector<std::byte> some_bytes(std::size_t size, unsigned seed) {
  std::vector<std::byte> bytes(size);
  for (std::byte& byte : bytes) {
    seed = seed * 1664525 + 1013904223;
    byte = static_cast<std::byte>(seed >> 24);
  }
  return bytes;
}

// More pieces than the ring has room for, small and large.
TEST(DigestThreads, GiveWhatEachGivesAlone) {
  DigestThreads threads(kAll);
  std::vector<std::byte> whole;
  for (unsigned i = 0; i < 200; ++i) {
    std::vector<std::byte> piece = some_bytes(i * 7919 % 100'000, i);
    whole.insert(whole.end(), piece.begin(), piece.end());
    std::vector<std::byte> buffer = threads.take();
    buffer.resize(std::max(buffer.size(), piece.size()));
    std::ranges::copy(piece, buffer.begin());
    threads.put(std::move(buffer), piece.size());
  }
  const std::vector<Digest> digests = threads.finish();
  ASSERT_EQ(digests.size(), kAll.size());
  for (std::size_t i = 0; i < kAll.size(); ++i) {
    EXPECT_EQ(digests[i].algorithm, kAll.at(i));
    EXPECT_EQ(digests[i].value, digest_of(kAll.at(i), whole));
  }
}

TEST(DigestThreads, MayBeGivenUp) {
  for (unsigned pieces = 0; pieces < 20; ++pieces) {
    DigestThreads threads(kAll);
    for (unsigned i = 0; i < pieces; ++i) {
      std::vector<std::byte> buffer = threads.take();
      buffer.resize(100'000);
      threads.put(std::move(buffer), 100'000);
    }
  }
}

// Emits into a file in memory and returns what came.
std::vector<std::byte> emitted(const Image& image, HostRange range, const EmitOptions& options,
                               EmitResult& result) {
  const UniqueFd fd(::memfd_create("image", MFD_CLOEXEC));
  result = emit(image, range, fd.get(), options);
  std::vector<std::byte> bytes(range.length);
  EXPECT_EQ(::pread(fd.get(), bytes.data(), bytes.size(), 0), static_cast<ssize_t>(range.length));
  return bytes;
}

std::shared_ptr<const Disk> file_disk(const std::vector<std::byte>& bytes) {
  std::string path = ::testing::TempDir() + "/digest-test-XXXXXX";
  const UniqueFd fd(::mkostemp(path.data(), O_CLOEXEC));
  EXPECT_EQ(::write(fd.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  auto disk = open_disk(path);
  ::unlink(path.c_str());
  return disk;
}

// Every way that data takes, whole and in part: from a file, through the ring, compressed.
TEST(Digest, IsOfWhatIsWritten) {
  std::vector<std::byte> bytes = some_bytes(9 << 20, 1);
  std::fill(bytes.begin() + (2 << 20), bytes.begin() + (5 << 20), std::byte{0});
  ImageOptions compressed;
  compressed.compression = Compression{};
  for (const auto& disk :
       {file_disk(bytes), std::shared_ptr<const Disk>(std::make_shared<MemoryDisk>(bytes))}) {
    for (const ImageOptions& image_options : {ImageOptions{}, compressed}) {
      const Image image = make_image(disk, image_options);
      const std::uint64_t size = image.size();
      for (const HostRange range :
           {image.whole(), HostRange{HostOffset(0), 0}, HostRange{HostOffset(1), 1},
            HostRange{HostOffset(size / 3), size / 2}, HostRange{HostOffset(size), 0}}) {
        EmitOptions options;
        options.digests.assign(kAll.begin(), kAll.end());
        EmitResult result;
        const auto written = emitted(image, range, options, result);
        EXPECT_EQ(result.transferred, 0U);
        EXPECT_EQ(result.method, "read and write");
        ASSERT_EQ(result.digests.size(), kAll.size());
        for (const Digest& digest : result.digests) {
          EXPECT_EQ(digest.value, digest_of(digest.algorithm, written));
        }
        EmitResult plain;
        EXPECT_EQ(written, emitted(image, range, {}, plain));
        EXPECT_TRUE(plain.digests.empty());
      }
    }
  }
}

// What goes wrong elsewhere ends the threads.
TEST(Digest, AClosedPipeIsAnErrorAsAlways) {
  const Image image = make_image(std::make_shared<MemoryDisk>(some_bytes(9 << 20, 1)), {});
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  const UniqueFd in(ends[1]);
  std::jthread reader([out = UniqueFd(ends[0])] {
    std::vector<std::byte> piece(3 << 20);
    static_cast<void>(!::read(out.get(), piece.data(), piece.size()));
  });
  EmitOptions options;
  options.digests.assign(kAll.begin(), kAll.end());
  EXPECT_THROW(emit(image, image.whole(), in.get(), options), Error);
}

}  // namespace
}  // namespace qcow2stream
