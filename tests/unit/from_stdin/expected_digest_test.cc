// SPDX-License-Identifier: GPL-2.0-or-later

#include "qcow2-from-stdin/expected_digest.h"

#include <gtest/gtest.h>

#include "common/usage_error.h"
#include "qcow2stream/error.h"

namespace qcow2stream::cli {
namespace {

TEST(ExpectedDigest, IsAFileOrAValue) {
  const ExpectedDigest file = expected_digest_value("sha256=a:b=c");
  EXPECT_EQ(file.algorithm, DigestAlgorithm::kSha256);
  EXPECT_EQ(std::get<std::string>(file.value), "a:b=c");
  const ExpectedDigest value = expected_digest_value("crc32c:0aFF0001");
  EXPECT_EQ(value.algorithm, DigestAlgorithm::kCrc32c);
  EXPECT_EQ(std::get<0>(value.value),
            (std::vector{std::byte{0x0a}, std::byte{0xff}, std::byte{0}, std::byte{1}}));
}

TEST(ExpectedDigest, HasTheDigitsOfItsAlgorithm) {
  for (const char* word : {"", "sha256", "sha256:", "sha256=", "crc32c:0aff00", "crc32c:0aff00012",
                           "crc32c:0aff000g", "CRC32C:0aff0001", ":0aff0001"}) {
    EXPECT_THROW(expected_digest_value(word), UsageError) << word;
  }
}

TEST(ExpectedDigest, EachAlgorithmIsTakenOnce) {
  const std::vector<ExpectedDigest> expected = {expected_digest_value("md5=a"),
                                                expected_digest_value("sha1=a"),
                                                expected_digest_value("md5=b")};
  EXPECT_EQ(algorithms_of(expected), (std::vector{DigestAlgorithm::kMd5, DigestAlgorithm::kSha1}));
}

TEST(ExpectedDigest, AnotherOneIsDamage) {
  const std::vector<Digest> expected =
      read_digests(std::vector{expected_digest_value("crc32c:00000001")});
  std::vector<Digest> found = expected;
  EXPECT_NO_THROW(check_digests("image", found, expected));
  found[0].value[0] = std::byte{1};
  try {
    check_digests("image", found, expected);
    FAIL() << "was taken";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kDamaged);
    EXPECT_STREQ(error.what(),
                 "image: has another crc32c digest than expected: 01000001, not 00000001");
  }
}

}  // namespace
}  // namespace qcow2stream::cli
