// SPDX-License-Identifier: GPL-2.0-or-later

#include "common/digest_text.h"

#include <gtest/gtest.h>

#include <string_view>

namespace qcow2stream::cli {
namespace {

std::string base64(std::string_view text) {
  return base64_text(std::as_bytes(std::span(text)));
}

// RFC 4648, section 10.
TEST(DigestText, Base64) {
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64("f"), "Zg==");
  EXPECT_EQ(base64("fo"), "Zm8=");
  EXPECT_EQ(base64("foo"), "Zm9v");
  EXPECT_EQ(base64("foob"), "Zm9vYg==");
  EXPECT_EQ(base64("fooba"), "Zm9vYmE=");
  EXPECT_EQ(base64("foobar"), "Zm9vYmFy");
  EXPECT_EQ(base64("\xff\xfe\xfb"), "//77");
}

TEST(DigestText, LinesOfCoreutils) {
  const Digest digest{.algorithm = DigestAlgorithm::kBlake2b,
                      .value = {std::byte{0xab}, std::byte{0x01}}};
  EXPECT_EQ(digest_line(digest, "-"), "BLAKE2b (-) = ab01\n");
  EXPECT_EQ(digest_line(digest, "a b) = "), "BLAKE2b (a b) = ) = ab01\n");
  EXPECT_EQ(digest_line(digest, "a\\b\nc\r"), "\\BLAKE2b (a\\\\b\\nc\\r) = ab01\n");
}

TEST(DigestText, LinesAreRecognized) {
  for (const char* line : {"SHA256 (-) = 00", "\\MD5 (a\\n) = 00", "CRC64NVME (x) = 1",
                           "d41d8cd98f00b204e9800998ecf8427e  name", "0123ABCD *name"}) {
    EXPECT_TRUE(is_digest_line(line)) << line;
  }
  for (const char* text : {"", "old", "SHA3 (x) = 1", "SHA256", "1234567  x", "0123456789",
                           "QFI\xfb", "deadbeeg  x", "\\"}) {
    EXPECT_FALSE(is_digest_line(text)) << text;
  }
}

TEST(DigestText, NamesGoBothWays) {
  for (const std::string_view name : digest_names()) {
    EXPECT_EQ(digest_name(digest_algorithm(name).value()), name);
  }
  EXPECT_FALSE(digest_algorithm("SHA256"));
  EXPECT_FALSE(digest_algorithm(""));
}

TEST(DigestText, TheValueInALineIsFound) {
  constexpr auto kMd5 = DigestAlgorithm::kMd5;
  constexpr const char* kValue = "d41d8cd98f00b204e9800998ecf8427e";
  const std::string value = kValue;
  for (const std::string& line :
       {"MD5 (-) = " + value, "\\MD5 (a\\n) = x) = " + value, value + "  name", value + " *name",
        "\\" + value + "  a\\n", "MD5 (-) = " + value + "\r"}) {
    EXPECT_EQ(hex_in_digest_line(line, kMd5), value) << line;
  }
  for (const std::string& line : {std::string(), "SHA1 (-) = " + value, value + "00  name"}) {
    EXPECT_FALSE(hex_in_digest_line(line, kMd5).has_value()) << line;
  }
}

}  // namespace
}  // namespace qcow2stream::cli
