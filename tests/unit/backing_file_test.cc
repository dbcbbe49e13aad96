// SPDX-License-Identifier: GPL-2.0-or-later
//
// The backing file in the header: what fits, to the byte, and how its name is guarded.

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <bit>
#include <string>

#include "qcow2/header.h"
#include "qcow2stream/options.h"

namespace qcow2stream {
namespace {

qcow2::Header with_backing_file(const qcow2::Geometry& geometry, std::uint64_t name_length,
                                std::uint64_t format_length) {
  qcow2::Header header;
  header.geometry = geometry;
  header.backing_file_name = std::string(name_length, 'n');
  header.backing_format = std::string(format_length, 'f');
  return header;
}

RC_GTEST_PROP(BackingFileProperty, TheHeaderDecodesToWhatWasEncoded, ()) {
  qcow2::Geometry geometry;
  geometry.version = *rc::gen::element(2U, 3U);
  geometry.cluster_bits = *rc::gen::inRange(qcow2::kMinClusterBits, qcow2::kMaxClusterBits + 1);
  const auto format = *rc::gen::inRange<std::uint64_t>(1, qcow2::kMaxBackingFormatBytes + 1);
  const std::uint64_t most = qcow2::max_backing_file_name(geometry, format);
  auto header = with_backing_file(geometry, *rc::gen::inRange<std::uint64_t>(1, most + 1), format);
  header.refcount_table_offset = HostOffset(geometry.cluster_size());
  header.refcount_table_clusters = 1;
  const auto bytes = encode_header(header);
  RC_ASSERT(bytes.size() <= geometry.cluster_size());
  header.feature_name_table = geometry.version == 3 && geometry.cluster_size() > 4096;
  RC_ASSERT(qcow2::decode_header(bytes) == header);
}

TEST(BackingFile, TheLongestNameFillsTheClusterOrHas1023Bytes) {
  for (const unsigned version : {2U, 3U}) {
    for (unsigned bits = qcow2::kMinClusterBits; bits <= qcow2::kMaxClusterBits; ++bits) {
      for (std::uint64_t format = 1; format <= qcow2::kMaxBackingFormatBytes; ++format) {
        const qcow2::Geometry geometry{.cluster_bits = bits, .version = version};
        const std::uint64_t most = qcow2::max_backing_file_name(geometry, format);
        const auto used = encode_header(with_backing_file(geometry, most, format)).size();
        EXPECT_LE(used, geometry.cluster_size());
        EXPECT_TRUE(used == geometry.cluster_size() || most == 1023) << version << " " << bits;
      }
    }
  }
}

TEST(BackingFile, NamesInTheSmallestClusters) {
  EXPECT_EQ(qcow2::max_backing_file_name({.cluster_bits = 9, .version = 2}, 3), 416U);
  EXPECT_EQ(qcow2::max_backing_file_name({.cluster_bits = 9}, 3), 376U);
  EXPECT_EQ(qcow2::max_backing_file_name({.cluster_bits = 9}, 8), 376U);
  EXPECT_EQ(qcow2::max_backing_file_name({.cluster_bits = 9}, 9), 368U);
  EXPECT_EQ(qcow2::max_backing_file_name({.cluster_bits = 10}, 5), 888U);
  EXPECT_EQ(qcow2::max_backing_file_name({.cluster_bits = 11}, 5), 1023U);
}

TEST(BackingFile, OneByteMoreIsRefused) {
  const auto refused = [](ImageOptions options, std::size_t name, std::size_t format) {
    options.backing_file =
        BackingFile{.name = std::string(name, 'n'), .format = std::string(format, 'f')};
    const auto problem = find_problem(options);
    EXPECT_TRUE(!problem || problem->field == OptionProblem::Field::kBackingFile);
    return problem.has_value();
  };
  for (const unsigned version : {2U, 3U}) {
    for (const std::uint32_t size : {512U, 1024U, 2048U, 4096U, 8192U, 65536U, 2U << 20}) {
      const ImageOptions options{.cluster_size = size, .version = version};
      const qcow2::Geometry geometry{.cluster_bits = static_cast<unsigned>(std::countr_zero(size)),
                                     .version = version};
      const std::uint64_t most = qcow2::max_backing_file_name(geometry, 5);
      EXPECT_FALSE(refused(options, most, 5)) << size;
      EXPECT_TRUE(refused(options, most + 1, 5)) << size;
      EXPECT_FALSE(refused(options, 1, 15));
      EXPECT_TRUE(refused(options, 1, 16));
      EXPECT_TRUE(refused(options, 1, 0));
      EXPECT_TRUE(refused(options, 0, 5));
    }
  }
  EXPECT_TRUE(
      find_problem({.backing_file = BackingFile{.name = std::string("a\0b", 3), .format = "raw"}}));
  EXPECT_TRUE(find_problem({.data_file = DataFile{.name = "d"},
                            .backing_file = BackingFile{.name = "b", .format = "raw"}}));
}

TEST(BackingFile, ANameWithAColonIsAFileUnlessItIsAProtocol) {
  for (const char* name :
       {"disk", "a/b:c", "./a:b", "/a:b", "nbd://h/x", "json:{}", "rbd:pool/x", "nbd:h:10809",
        "file:x", "gluster+tcp://h/v", "https://h/x", "fat:dir"}) {
    EXPECT_EQ(file_backing_name(name), name);
  }
  for (const char* name :
       {"a:b", "2026-11-22T16:02", ":", ":x", "Nbd:x", "nbds:x", "x:/y", "rbd2:x"}) {
    EXPECT_EQ(file_backing_name(name), std::string("./") + name);
  }
}

}  // namespace
}  // namespace qcow2stream
