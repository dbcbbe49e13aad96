// SPDX-License-Identifier: GPL-2.0-or-later

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/endian.h"
#include "qcow2/entries.h"
#include "qcow2/header.h"
#include "qcow2/header_fields.h"
#include "qcow2/refcounts.h"
#include "qcow2stream/error.h"

namespace qcow2stream::qcow2 {
namespace {

RC_GTEST_PROP(Refcounts, OnesUpToTheCountThenZeros, ()) {
  const auto order = *rc::gen::inRange(0U, kMaxRefcountOrder + 1);
  const auto words = *rc::gen::inRange<std::size_t>(1, 64);
  const std::uint64_t entries = (words * 64) >> order;
  const auto count = *rc::gen::inRange<std::uint64_t>(0, entries + 10);
  std::vector<std::byte> block(words * 8, std::byte{0xee});
  fill_with_ones(block, order, count);
  for (std::uint64_t i = 0; i < entries; ++i) {
    RC_ASSERT(refcount_at(block, order, i) == (i < count ? 1U : 0U));
  }
}

RC_GTEST_PROP(HeaderCodec, DecodesWhatItEncodes, ()) {
  Header header;
  header.geometry.version = *rc::gen::element(2U, 3U);
  header.geometry.cluster_bits = *rc::gen::inRange(kMinClusterBits, kMaxClusterBits + 1);
  if (header.geometry.version == 3) {
    header.geometry.refcount_order = *rc::gen::inRange(0U, kMaxRefcountOrder + 1);
  }
  const auto any_cluster = [&] {
    return HostOffset(*rc::gen::inRange<std::uint64_t>(1, 1U << 30)
                      << header.geometry.cluster_bits);
  };
  header.l1_entries = *rc::gen::inRange<std::uint64_t>(0, kMaxL1Bytes / 8 + 1);
  const std::uint64_t largest = std::min<std::uint64_t>(
      header.l1_entries * header.geometry.l2_entries() << header.geometry.cluster_bits, 1ULL << 50);
  header.virtual_size =
      *rc::gen::inRange<std::uint64_t>(0, largest + 1) / kSectorSize * kSectorSize;
  header.l1_offset = any_cluster();
  header.refcount_table_offset = any_cluster();
  header.refcount_table_clusters = *rc::gen::inRange<std::uint64_t>(
      1, (kMaxRefcountTableBytes >> header.geometry.cluster_bits) + 1);
  const std::uint64_t most = max_data_file_name(header.geometry);
  if (most > 0 && *rc::gen::arbitrary<bool>()) {
    header.incompatible_features = kIncompatibleDataFile;
    header.data_file_name = std::string(*rc::gen::inRange<std::uint64_t>(1, most + 1), 'n');
  }
  const auto bytes = encode_header(header);
  RC_ASSERT(bytes.size() <= header.geometry.cluster_size());
  header.feature_name_table = header.geometry.version == 3 &&
                              !(header.data_file_name && header.geometry.cluster_size() <= 4096);
  RC_ASSERT(decode_header(bytes) == header);
}

Header small_header() {
  Header header;
  header.refcount_table_offset = HostOffset(header.geometry.cluster_size());
  header.refcount_table_clusters = 1;
  return header;
}

// Why a header with one field changed is refused; empty where it is not.
template <class Integer>
std::string refusal(std::size_t field, Integer value, const Header& header = small_header()) {
  std::vector<std::byte> bytes = encode_header(header);
  bytes.resize(header.geometry.cluster_size());
  if constexpr (sizeof(value) == 1) {
    bytes[field] = std::byte{value};
  } else {
    store_big(&bytes[field], value);
  }
  try {
    decode_header(bytes);
    return "";
  } catch (const Error& error) {
    return error.reason();
  }
}

// The reasons for which QEMU refuses an image, too.
TEST(HeaderCodec, RefusesWhatQemuRefuses) {
  EXPECT_EQ(refusal(kMagicAt, kMagic), "");
  EXPECT_EQ(refusal(kVersionAt, 4U), "it has the unknown version 4");
  EXPECT_EQ(refusal(kClusterBitsAt, 22U), "its clusters have 2^22 bytes; 2^9 to 2^21 are possible");
  EXPECT_EQ(refusal(kClusterBitsAt, 8U), "its clusters have 2^8 bytes; 2^9 to 2^21 are possible");
  EXPECT_EQ(refusal(kCryptMethodAt, 3U), "it is encrypted in an unknown way");
  EXPECT_EQ(refusal(kRefcountTableClustersAt, 0U), "it has no refcount table");
  EXPECT_EQ(refusal(kRefcountTableClustersAt, 129U), "its refcount table is too large");
  EXPECT_EQ(refusal(kRefcountTableOffsetAt, std::uint64_t{65537}),
            "the offset 65537 of its refcount table is not that of a cluster");
  EXPECT_EQ(refusal(kL1EntriesAt, (4U << 20) + 1), "its L1 table is too large");
  EXPECT_EQ(refusal(kL1OffsetAt, ~std::uint64_t{0} << 16),
            "the offset 18446744073709486080 of its L1 table is not that of a cluster");
  EXPECT_EQ(refusal(kL1EntriesAt, 1U), "its L1 table lies over its header");
  EXPECT_EQ(refusal(kVirtualSizeAt, std::uint64_t{512}), "its L1 table is too small for the disk");
  EXPECT_EQ(refusal(kSnapshotCountAt, 65537U), "its snapshot table is too large");
  EXPECT_EQ(refusal(kRefcountOrderAt, 7U), "its refcounts have 2^7 bits; 64 are possible");
  EXPECT_EQ(refusal(kHeaderLengthAt, 96U), "its header is too short");
  EXPECT_EQ(refusal(kHeaderLengthAt, 65537U), "its header is longer than a cluster");
  EXPECT_EQ(refusal(kCompressionTypeAt, std::uint8_t{2}), "it has the unknown compression type 2");
  EXPECT_EQ(refusal(kCompressionTypeAt, std::uint8_t{1}),
            "its compression type and the feature bit for it do not go together");
  EXPECT_EQ(refusal(kBackingOffsetAt, std::uint64_t{65537}),
            "the name of its backing file lies behind the first cluster");
  EXPECT_EQ(refusal(kSnapshotTableOffsetAt, std::uint64_t{8}),
            "the offset 8 of its snapshot table is not that of a cluster");
}

// QEMU: qcow2_read_extensions().
TEST(HeaderCodec, RefusesExtensionsThatQemuRefuses) {
  constexpr std::size_t kAt = kVersion3Length;
  constexpr std::size_t kLengthAt = kAt + 4;
  std::vector<std::byte> bytes = encode_header(small_header());
  const auto reason = [&] {
    try {
      decode_header(bytes);
      return std::string();
    } catch (const Error& error) {
      return error.reason();
    }
  };
  const auto begin_with = [&](std::uint32_t type, std::uint32_t length) {
    store_big(&bytes[kAt], type);
    store_big(&bytes[kLengthAt], length);
  };
  store_big(&bytes[kBackingOffsetAt], std::uint64_t{0});
  bytes.resize(kAt);
  bytes.resize(65536);
  begin_with(kExtensionEnd, 65536 - kLengthAt - 4);
  EXPECT_EQ(reason(), "");
  begin_with(kExtensionEnd, 65536 - kLengthAt - 3);
  EXPECT_EQ(reason(), "an extension of its header is longer than the room for it");
  begin_with(kExtensionEncryption, 0);
  EXPECT_EQ(reason(), "it has a key, and is not encrypted with LUKS");
  store_big(&bytes[kCryptMethodAt], std::uint32_t{2});
  EXPECT_EQ(reason(), "");
  store_big(&bytes[kCryptMethodAt], std::uint32_t{0});
  // Up to the backing file's name there are some bytes, but not those of another extension.
  begin_with(0x01234567, 8);
  for (const std::uint64_t more : {0U, 1U, 7U, 8U}) {
    store_big(&bytes[kBackingOffsetAt], kAt + kExtensionHeaderSize + 8 + more);
    store_big(&bytes[kAt + kExtensionHeaderSize + 8], std::uint64_t{0});
    EXPECT_EQ(reason(), more % 8 == 0 ? "" : "there is no room for the end of its extensions");
  }
}

// As QEMU takes it, whose names are C strings.
TEST(HeaderCodec, AnEmptyBackingFileNameIsNone) {
  Header header = small_header();
  header.backing_file_name = "base";
  std::vector<std::byte> bytes = encode_header(header);
  EXPECT_EQ(decode_header(bytes).backing_file_name, "base");
  const auto offset = load_big<std::uint64_t>(&bytes[kBackingOffsetAt]);
  bytes[offset] = std::byte{0};
  EXPECT_EQ(decode_header(bytes).backing_file_name, std::nullopt);
}

TEST(HeaderCodec, TellsWhatItDoesNotKnow) {
  std::vector<std::byte> bytes = encode_header(small_header());
  EXPECT_EQ(decode_header(bytes).unknown_features, "");
  // Bits 1 (corrupt), 4 would be subclusters, and 5 and 63, which nobody knows.
  store_big<std::uint64_t>(&bytes[kIncompatibleAt], 1ULL << 63 | 1ULL << 5 | 1ULL << 1);
  EXPECT_EQ(decode_header(bytes).unknown_features, "feature 5, feature 63");
  // The second name of the table, for the corrupt bit, becomes that of bit 5.
  bytes[kVersion3Length + kExtensionHeaderSize + kFeatureNameSize + 1] = std::byte{5};
  EXPECT_EQ(decode_header(bytes).unknown_features, "corrupt bit, feature 63");
}

// As QEMU takes them, whose names are C strings.
TEST(HeaderCodec, NamesEndAtANul) {
  const auto format_of = [](const std::string& format) {
    Header header = small_header();
    header.backing_file_name = "base";
    header.backing_format = format;
    return decode_header(encode_header(header)).backing_format;
  };
  EXPECT_EQ(format_of("raw"), "raw");
  EXPECT_EQ(format_of(std::string("raw\0", 4)), "raw");
  EXPECT_EQ(format_of(std::string("\0raw", 4)), std::nullopt);
  EXPECT_EQ(format_of(""), std::nullopt);
}

// QEMU looks at the length before it looks whether the bitmaps are to be relied on.
TEST(HeaderCodec, RefusesABitmapsExtensionOfAnotherLength) {
  EXPECT_EQ(refusal(kVersion3Length, std::uint32_t{kExtensionBitmaps}),
            "the extension for bitmaps has another length");
}

TEST(HeaderCodec, RefusesWhatIsNoHeader) {
  std::vector<std::byte> bytes = encode_header(small_header());
  EXPECT_NO_THROW(decode_header(bytes));
  EXPECT_THROW(decode_header(std::span(bytes).first(40)), Error);
  auto broken = bytes;
  broken[0] = std::byte{0};
  EXPECT_THROW(decode_header(broken), Error);
  broken = bytes;
  broken[23] = std::byte{22};  // cluster_bits
  EXPECT_THROW(decode_header(broken), Error);
  broken = bytes;
  broken[119] = std::byte{0xff};  // length of the first extension
  broken[118] = std::byte{0xff};
  EXPECT_THROW(decode_header(broken), Error);
}

TEST(HeaderCodec, FullyUsesThe512ByteClusterAndNotMore) {
  Header header;
  header.geometry.cluster_bits = 9;
  EXPECT_EQ(encode_header(header).size(), 512U);
  EXPECT_EQ(max_data_file_name(header.geometry), 0U);
}

TEST(Entries, OffsetAndFlag) {
  const HostOffset offset(0x123456789000);
  EXPECT_EQ(entry_offset(encode_entry(offset)), offset);
  EXPECT_TRUE(entry_copied(encode_entry(offset)));
  EXPECT_FALSE(entry_copied(kUnallocatedEntry));
  EXPECT_NE(encode_data_file_entry(GuestOffset(0)), kUnallocatedEntry);
}

// Specification, "Compressed Clusters Descriptor": with x = 62 - (cluster_bits - 8) the bits below
// x are the offset, and those from x to 61 the sectors beyond the first.
TEST(Entries, CompressedDataHasAllBitsOfItsFields) {
  for (unsigned cluster_bits = kMinClusterBits; cluster_bits <= kMaxClusterBits; ++cluster_bits) {
    const unsigned x = 62 - (cluster_bits - 8);
    for (unsigned bit = 0; bit < x; ++bit) {
      const HostRange range = decode_compressed_entry(1ULL << 62 | 1ULL << bit, cluster_bits);
      EXPECT_EQ(range.begin, HostOffset(1ULL << bit)) << cluster_bits;
      EXPECT_EQ(range.length, bit < 9 ? 512 - (1ULL << bit) : 512) << cluster_bits;
    }
    for (unsigned bit = x; bit < 62; ++bit) {
      const HostRange range = decode_compressed_entry(1ULL << 62 | 1ULL << bit | 3, cluster_bits);
      EXPECT_EQ(range.begin, HostOffset(3)) << cluster_bits;
      EXPECT_EQ(range.length, (1 + (1ULL << (bit - x))) * 512 - 3) << cluster_bits;
    }
  }
}

}  // namespace
}  // namespace qcow2stream::qcow2
