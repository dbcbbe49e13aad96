// SPDX-License-Identifier: GPL-2.0-or-later

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>
#include <vector>

#include "qcow2/entries.h"
#include "qcow2/header.h"
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
  header.virtual_size = *rc::gen::arbitrary<std::uint32_t>() * kSectorSize;
  header.l1_entries = *rc::gen::inRange<std::uint64_t>(0, 1U << 22);
  header.l1_offset = HostOffset(*rc::gen::arbitrary<std::uint32_t>());
  header.refcount_table_offset = HostOffset(*rc::gen::arbitrary<std::uint32_t>());
  header.refcount_table_clusters = *rc::gen::inRange<std::uint64_t>(0, 1000);
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

TEST(HeaderCodec, RefusesWhatIsNoHeader) {
  std::vector<std::byte> bytes = encode_header(Header{});
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

}  // namespace
}  // namespace qcow2stream::qcow2
