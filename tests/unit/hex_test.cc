// SPDX-License-Identifier: GPL-2.0-or-later

#include "base/hex.h"

#include <gtest/gtest.h>

#include <array>
#include <stdexcept>
#include <string>

namespace qcow2stream {
namespace {

TEST(Hex, AllBytesThereAndBack) {
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
  EXPECT_EQ(from_hex(hex(all)), all);
  EXPECT_EQ(hex(std::string_view("\0\x0f\xf0\xff", 4)), "000ff0ff");
  EXPECT_EQ(hex(std::array{std::byte{0xab}}), "ab");
  EXPECT_EQ(from_hex("4A4b"), "JK");
  EXPECT_EQ(from_hex(""), "");
}

TEST(Hex, OtherTextsAreRefused) {
  for (const char* text : {"1", "123", "0x", "g0", "0g", "-1", "+1", " 1", "1 "}) {
    EXPECT_THROW(from_hex(text), std::invalid_argument) << text;
  }
}

}  // namespace
}  // namespace qcow2stream
