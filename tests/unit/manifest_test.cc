// SPDX-License-Identifier: GPL-2.0-or-later
//
// Roots, and the file of a manifest. The values come from tests/helpers/manifest.py.

#include "qcow2stream/manifest.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/hex.h"
#include "digest/sha256.h"
#include "manifest/content_hash.h"
#include "manifest/content_tree.h"
#include "manifest/encoded_manifest.h"
#include "manifest/pages.h"
#include "manifest/root_builder.h"
#include "qcow2stream/error.h"
#include "system/fd.h"

namespace qcow2stream {
namespace {

using content_tree::kLeafSize;

constexpr std::uint64_t kMebibyte = 1 << 20;

ContentDigest digest_of(unsigned value) {
  ContentDigest digest{};
  digest.fill(std::byte{0xd0});
  for (std::size_t i = 0; i < sizeof value; ++i) digest.at(i) = std::byte(value >> (8 * i));
  return digest;
}

// A file that has no name but this.
class FileInMemory {
 public:
  explicit FileInMemory(std::span<const std::byte> bytes)
      : fd_(::memfd_create("manifest", MFD_CLOEXEC)) {
    EXPECT_EQ(::write(fd_.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  }
  [[nodiscard]] std::string path() const { return "/proc/self/fd/" + std::to_string(fd_.get()); }
  [[nodiscard]] int fd() const { return fd_.get(); }

 private:
  UniqueFd fd_;
};

std::vector<std::byte> file_of(const ManifestBuilder& builder,
                               const std::optional<ContentDigest>& parent = {}) {
  std::vector<std::byte> file;
  builder.encode(parent, [&](std::span<const std::byte> bytes) {
    file.insert(file.end(), bytes.begin(), bytes.end());
  });
  return file;
}

std::string error_of(std::span<const std::byte> bytes) {
  const FileInMemory file(bytes);
  try {
    Manifest::load(file.path());
  } catch (const Error& error) {
    EXPECT_EQ(error.subject(), ErrorSubject::kManifest);
    EXPECT_EQ(error.kind(), ErrorKind::kMismatch);
    return error.what_failed() + ": " + error.reason();
  }
  return "";
}

void seal_again(std::vector<std::byte>& file) {
  for (std::size_t at = 0; at < file.size(); at += manifest::kPageSize) {
    Sha256 hash;
    hash.update(std::span(file).subspan(at, manifest::kPageSize - 32));
    std::ranges::copy(hash.finish(),
                      file.begin() + static_cast<std::ptrdiff_t>(at + manifest::kPageSize - 32));
  }
}

// Chunks of each kind, over more than one page.
ManifestBuilder mixed() {
  ManifestBuilder builder(1000 * kMebibyte - 512, 20);
  for (unsigned i = 3; i < 400; ++i) {
    if (i % 50 != 0) builder.set(i, digest_of(i), i % 3 == 0);
  }
  builder.set(999, digest_of(999));
  return builder;
}

// --- roots --------------------------------------------------------------------------------------

TEST(ContentTree, NodesOfAnyLength) {
  EXPECT_EQ(chunk_count(0, 16), 0U);
  EXPECT_EQ(chunk_count(512, 16), 1U);
  EXPECT_EQ(chunk_count(kLeafSize, 16), 1U);
  EXPECT_EQ(chunk_count(kLeafSize + 512, 16), 2U);
  EXPECT_EQ(chunk_count(~std::uint64_t{511}, 16), std::uint64_t{1} << 48);
  EXPECT_EQ(chunk_range(1, kLeafSize + 512, 16), (GuestRange{GuestOffset(kLeafSize), 512}));
  EXPECT_EQ(chunk_range((1ULL << 48) - 1, ~std::uint64_t{511}, 16).length, kLeafSize - 512);
}

TEST(ContentHash, ZerosHaveTheDigestOfZeros) {
  ContentHash hash;
  const std::vector<std::byte> zeros(4 * kLeafSize);
  EXPECT_EQ(hash.leaf(std::span(zeros).first(kLeafSize)), zero_digest(0));
  EXPECT_EQ(hash.node_of_bytes(zeros, 2), zero_digest(2));
  EXPECT_EQ(hash.node_of_bytes({}, 8), zero_digest(8));
  EXPECT_EQ(hash.inner(zero_digest(3), zero_digest(3)), zero_digest(4));
}

TEST(ContentHash, WhatIsShortIsPaddedWithZeros) {
  ContentHash hash;
  std::vector<std::byte> bytes(kLeafSize * 4);
  bytes.at(kLeafSize + 7) = std::byte{1};
  const auto whole = hash.node_of_bytes(bytes, 2);
  EXPECT_EQ(hash.node_of_bytes(std::span(bytes).first(kLeafSize + 8), 2), whole);
}

TEST(ChunkHasher, RootDoesNotDependOnTheChunk) {
  std::vector<std::byte> disk(40 * kMebibyte + 1024);
  for (std::size_t i = 0; i < disk.size(); i += 3 * kLeafSize) disk.at(i) = std::byte(i >> 16);
  disk.back() = std::byte{9};
  std::vector<std::string> roots;
  for (unsigned bits = kFewestChunkBits; bits <= kMostChunkBits; ++bits) {
    ChunkHasher hasher(bits);
    ManifestBuilder builder(disk.size(), bits);
    for (std::uint64_t n = chunk_count(disk.size(), bits); n-- > 0;) {
      const GuestRange range = chunk_range(n, disk.size(), bits);
      builder.set(n, hasher.digest(std::span(disk).subspan(range.begin.value(), range.length)));
    }
    roots.push_back(root_text(builder.root()));
    if (bits == kMostChunkBits) continue;
    EXPECT_EQ(builder.coarser(kMostChunkBits).root(), builder.root());
  }
  EXPECT_EQ(std::ranges::count(roots, roots.front()), static_cast<std::ptrdiff_t>(roots.size()));
}

TEST(Root, ValuesOfTheReader) {
  EXPECT_EQ(root_text(ManifestBuilder(0, 16).root()),
            "327f89f6aac3aae8d1b560c829e90b36d73db77d80555dd768a2bba78a53fb59");
  EXPECT_EQ(root_text(ManifestBuilder(kMebibyte, 20).root()),
            "81703ab5e852810782a44a1f19a7837bdd39a43279821016ff44c0b18b52abcf");
  EXPECT_EQ(root_text(ManifestBuilder(15ULL << 40, 18).root()),
            "ffb189129266363713210963b039f3d3a8d6c94e871ac08f6349f7452ec07a9e");
  std::vector<std::byte> bytes(512, std::byte{0x61});
  ManifestBuilder sector(512, 16);
  sector.set(0, ChunkHasher(16).digest(bytes));
  EXPECT_EQ(root_text(sector.root()),
            "f94f9fa30159a0a5ffe02eeaab3a108e25438d1d909a8f3c89677e76d1fe7b0a");
  std::vector<std::byte> counting(3 * kLeafSize + 512);
  for (std::size_t i = 0; i < counting.size(); ++i) counting[i] = std::byte(i % 251);
  ManifestBuilder longer(counting.size(), 18);
  longer.set(0, ChunkHasher(18).digest(counting));
  EXPECT_EQ(root_text(longer.root()),
            "c6b06d3059b79df53b73a55a54abd22913f5aac7a0b339431503813b97aeff5c");
}

TEST(Root, DependsOnTheLengthAndOnThePlace) {
  ManifestBuilder a(kMebibyte, 16);
  ManifestBuilder b(kMebibyte + 512, 16);
  ManifestBuilder c(kMebibyte, 16);
  a.set(1, digest_of(1));
  b.set(1, digest_of(1));
  c.set(2, digest_of(1));
  EXPECT_NE(a.root(), b.root());
  EXPECT_NE(a.root(), c.root());
}

TEST(RootBuilder, RunsOfZerosCountLikeZeros) {
  for (unsigned seed = 0; seed < 40; ++seed) {
    RootBuilder one(16);
    RootBuilder other(16);
    for (unsigned i = 0; i < 20; ++i) {
      const unsigned zeros = (seed * 7 + i * i) % 23;
      one.append_zeros(zeros);
      for (unsigned z = 0; z < zeros; ++z) other.append(zero_digest(0));
      one.append(digest_of(i));
      other.append(digest_of(i));
    }
    EXPECT_EQ(one.finish(512), other.finish(512));
  }
}

TEST(RootText, BothWays) {
  const ContentDigest root = ManifestBuilder(512, 16).root();
  EXPECT_EQ(parse_root(root_text(root)), root);
  EXPECT_EQ(parse_root("12"), std::nullopt);
  EXPECT_EQ(parse_root(std::string(64, 'x')), std::nullopt);
}

// --- the file -----------------------------------------------------------------------------------

TEST(Manifest, IsReadAsItWasWritten) {
  const ManifestBuilder builder = mixed();
  const FileInMemory file(file_of(builder, digest_of(7)));
  const Manifest manifest = Manifest::load(file.path());
  EXPECT_EQ(manifest.header().length, builder.length());
  EXPECT_EQ(manifest.header().chunk_bits, 20U);
  EXPECT_EQ(manifest.header().root, builder.root());
  EXPECT_EQ(manifest.header().parent, digest_of(7));
  Manifest::Cursor cursor(manifest);
  Manifest::Cursor backwards(manifest);
  for (std::uint64_t n = 0; n < manifest.chunk_count(); ++n) {
    const ManifestChunk chunk = cursor.at(n);
    EXPECT_EQ(chunk.digest, builder.digest(n));
    EXPECT_EQ(chunk.zeros, builder.digest(n) == zero_digest(4));
    EXPECT_EQ(chunk.inherited, !chunk.zeros && n % 3 == 0 && n != 999);
    const std::uint64_t m = manifest.chunk_count() - 1 - n;
    EXPECT_EQ(backwards.at(m).digest, builder.digest(m));
  }
  EXPECT_EQ(cursor.at(400).run, 599U);
  EXPECT_EQ(cursor.at(410).run, 589U);
}

TEST(Manifest, OfNothingAndOfZeros) {
  for (const std::uint64_t length :
       {std::uint64_t{0}, std::uint64_t{512}, std::uint64_t{15} << 40, ~std::uint64_t{511}}) {
    const ManifestBuilder builder(length, 16);
    const auto bytes = file_of(builder);
    EXPECT_LE(bytes.size(), 2 * manifest::kPageSize);
    const FileInMemory file(bytes);
    const Manifest manifest = Manifest::load(file.path());
    EXPECT_EQ(manifest.header().root, builder.root());
    EXPECT_EQ(manifest.header().parent, std::nullopt);
    if (length > 0) {
      EXPECT_EQ(Manifest::Cursor(manifest).at(0).run, manifest.chunk_count());
    }
  }
}

TEST(Manifest, ComesThroughAPipe) {
  int ends[2];  // NOLINT(*-avoid-c-arrays)
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const UniqueFd in(ends[0]);
  UniqueFd out(ends[1]);
  const ManifestBuilder builder = mixed();
  const auto bytes = file_of(builder);
  ASSERT_EQ(::write(out.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  ASSERT_EQ(::close(out.release()), 0);
  const Manifest manifest = Manifest::load("/proc/self/fd/" + std::to_string(in.get()));
  EXPECT_EQ(Manifest::Cursor(manifest).at(5).digest, digest_of(5));
}

TEST(Manifest, ForeignFilesAreRefused) {
  EXPECT_EQ(error_of({}), "is not a manifest: it is empty");
  EXPECT_EQ(error_of(std::vector<std::byte>(5000)), "is not a manifest: ");
  auto bytes = file_of(mixed());
  bytes.at(kManifestBeginning.size()) = std::byte{'2'};
  EXPECT_EQ(error_of(bytes), "is a manifest of another version: this program reads version 1");
}

TEST(Manifest, EveryBitCounts) {
  const auto good = file_of(mixed(), digest_of(7));
  EXPECT_EQ(error_of(good), "");
  for (std::size_t at = 0; at < good.size(); at += at < 200 ? 1 : 61) {
    for (unsigned bit = 0; bit < 8; ++bit) {
      auto bytes = good;
      bytes[at] ^= std::byte{1} << bit;
      EXPECT_NE(error_of(bytes), "") << at << ' ' << bit;
    }
  }
}

TEST(Manifest, IsRefusedWhereItIsCutOffOrGoesOn) {
  const auto good = file_of(mixed());
  for (std::size_t size = 0; size < good.size(); size += 512) {
    EXPECT_NE(error_of(std::span(good).first(size)), "") << size;
  }
  auto longer = good;
  longer.push_back(std::byte{0});
  EXPECT_NE(error_of(longer), "");
  longer = good;
  longer.insert(longer.end(), good.end() - manifest::kPageSize, good.end());
  EXPECT_NE(error_of(longer), "");
}

// What somebody has made who can make checksums.
TEST(Manifest, WhatMakesNoSenseIsRefused) {
  const auto good = file_of(mixed());
  struct Change {
    std::size_t at;
    unsigned value;
  };
  for (const Change change :
       {Change{35, 2}, Change{39, 15}, Change{39, 25}, Change{47, 1}, Change{44, 1}, Change{51, 2},
        Change{60, 1}, Change{64, 0}, Change{100, 1}, Change{4000, 1}, Change{4096 + 7, 2},
        Change{4096 + 15, 1}, Change{4096 + 22, 0xff}, Change{4096 + 23, 1}, Change{4096 + 31, 1},
        Change{4096 + 32, 3}, Change{4096 + 33, 1}, Change{4096 + 39, 0}, Change{4096 + 39, 2}}) {
    auto bytes = good;
    bytes.at(change.at) = std::byte(change.value);
    seal_again(bytes);
    EXPECT_NE(error_of(bytes), "") << change.at;
  }
}

TEST(Manifest, ChangeOfTheFileIsSeen) {
  auto bytes = file_of(mixed());
  const FileInMemory file(bytes);
  const Manifest manifest = Manifest::load(file.path());
  bytes.at(4096 + 100) ^= std::byte{1};
  ASSERT_EQ(::pwrite(file.fd(), bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
  Manifest::Cursor cursor(manifest);
  EXPECT_THROW(cursor.at(3), Error);
  EXPECT_EQ(cursor.at(999).digest, digest_of(999));
}

std::vector<GuestRange> many_left_out(std::uint64_t count) {
  std::vector<GuestRange> runs;
  for (std::uint64_t i = 0; i < count; ++i) runs.push_back({GuestOffset(i * 1536), 512});
  return runs;
}

std::vector<std::byte> file_with(const std::vector<GuestRange>& left_out) {
  std::vector<std::byte> file;
  std::size_t at = 0;
  mixed().encode(
      {},
      [&](std::span<const std::byte> bytes) {
        file.insert(file.end(), bytes.begin(), bytes.end());
      },
      [&]() -> std::optional<GuestRange> {
        if (at == left_out.size()) return std::nullopt;
        return left_out[at++];
      });
  return file;
}

TEST(Manifest, SaysWhatWasLeftOut) {
  for (const std::uint64_t count : {0U, 1U, 252U, 253U, 1000U}) {
    const auto runs = many_left_out(count);
    const FileInMemory file(file_with(runs));
    const Manifest manifest = Manifest::load(file.path());
    EXPECT_EQ(manifest.header().left_out, count > 0);
    Manifest::LeftOutCursor cursor(manifest);
    std::vector<GuestRange> found;
    while (const auto run = cursor.next()) found.push_back(*run);
    EXPECT_EQ(found, runs);
    EXPECT_EQ(file_with(runs).size() - file_of(mixed()).size(), (count + 251) / 252 * 4096);
  }
}

TEST(Manifest, WhatWasLeftOutHasToMakeSense) {
  const auto good = file_with(many_left_out(10));
  const std::size_t page = good.size() - manifest::kPageSize;
  struct Change {
    std::size_t at;
    unsigned value;
  };
  for (const Change change :
       {Change{7, 0}, Change{15, 1}, Change{23, 31}, Change{23, 32}, Change{23, 49},
        Change{22, 0xff}, Change{31, 0}, Change{31, 2}, Change{24, 1}, Change{38, 1}, Change{46, 0},
        Change{47, 1}, Change{40, 1}, Change{53, 9}, Change{3000, 1}}) {
    auto bytes = good;
    bytes.at(page + change.at) = std::byte(change.value);
    seal_again(bytes);
    EXPECT_NE(error_of(bytes), "") << change.at << ' ' << change.value;
  }
  // Its flag is set if there is such a list, and only then.
  auto bytes = good;
  bytes.at(51) = std::byte{0};
  seal_again(bytes);
  EXPECT_NE(error_of(bytes), "");
  EXPECT_NE(error_of(std::span(good).first(page)), "");
  // Those that overlap, or touch.
  for (const std::uint64_t begin : {0U, 256U, 512U}) {
    EXPECT_NE(error_of(file_with({{GuestOffset(0), 512}, {GuestOffset(begin), 512}})), "");
  }
}

TEST(ManifestBuilder, ManyBecomeZerosAtOnce) {
  ManifestBuilder builder(1000 * kLeafSize, 16);
  ManifestBuilder wanted(1000 * kLeafSize, 16);
  for (unsigned chunk = 0; chunk < 1000; ++chunk) {
    builder.set(chunk, digest_of(chunk));
    if (chunk < 100 || chunk >= 700) wanted.set(chunk, digest_of(chunk));
  }
  builder.set_zeros(100, 700);
  EXPECT_EQ(file_of(builder), file_of(wanted));
}

TEST(ManifestBuilder, AnotherLength) {
  ManifestBuilder builder(1000 * kLeafSize, 16);
  for (unsigned chunk = 0; chunk < 1000; chunk += 3) builder.set(chunk, digest_of(chunk), true);
  for (const std::uint64_t chunks : {1ULL, 127ULL, 128ULL, 700ULL, 5000ULL}) {
    ManifestBuilder wanted(chunks * kLeafSize, 16);
    for (unsigned chunk = 0; chunk < std::min<std::uint64_t>(chunks, 1000); chunk += 3) {
      wanted.set(chunk, digest_of(chunk), true);
    }
    EXPECT_EQ(file_of(builder.resized(chunks * kLeafSize)), file_of(wanted)) << chunks;
  }
}

TEST(ManifestBuilder, IsDecodedAsItWasEncoded) {
  ManifestBuilder builder(1000 * kLeafSize + 512, 16);
  for (unsigned chunk = 0; chunk < 1001; ++chunk) {
    if (chunk % 100 < 60) builder.set(chunk, digest_of(chunk), chunk % 7 == 0);
  }
  auto file = file_of(builder, digest_of(1));
  const auto decoded = decode_manifest(file);
  ASSERT_TRUE(decoded);
  EXPECT_EQ(file_of(*decoded, digest_of(1)), file);
  EXPECT_FALSE(decode_manifest({}));
  EXPECT_FALSE(decode_manifest(std::span(file).first(file.size() - 1)));
  EXPECT_FALSE(decode_manifest(std::span(file).first(file.size() - manifest::kPageSize)));
  for (std::size_t at = 0; at < file.size(); at += 331) {
    file[at] ^= std::byte{1};
    EXPECT_FALSE(decode_manifest(file)) << at;
    file[at] ^= std::byte{1};
  }
}

TEST(ManifestBuilder, TheLastOneCounts) {
  ManifestBuilder builder(kMebibyte, 16);
  builder.set(3, digest_of(1));
  builder.set(3, digest_of(2));
  EXPECT_EQ(builder.digest(3), digest_of(2));
  builder.set(3, zero_digest(0));
  EXPECT_EQ(builder.root(), ManifestBuilder(kMebibyte, 16).root());
}

}  // namespace
}  // namespace qcow2stream
