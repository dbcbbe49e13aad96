// SPDX-License-Identifier: GPL-2.0-or-later

#include "base/zero.h"

#include <gtest/gtest.h>

#include <vector>

namespace qcow2stream {
namespace {

TEST(ZeroTest, EveryImplementationSeesASingleByteAnywhere) {
  std::vector<std::byte> buffer(1000);
  for (const ZeroTest& test : available_zero_tests()) {
    for (std::size_t begin : {0U, 1U, 7U, 31U}) {
      for (std::size_t length : {0U, 1U, 15U, 16U, 63U, 64U, 127U, 128U, 129U, 300U, 900U}) {
        const auto bytes = std::span(buffer).subspan(begin, length);
        EXPECT_TRUE(test.function(bytes)) << test.name << " " << begin << " " << length;
        for (std::byte& b : bytes) {
          b = std::byte{0x80};
          EXPECT_FALSE(test.function(bytes)) << test.name << " " << begin << " " << length;
          b = std::byte{0};
        }
      }
    }
  }
}

TEST(ZeroTest, DoesNotLookOutsideItsBytes) {
  std::vector<std::byte> buffer(500, std::byte{1});
  std::fill(buffer.begin() + 100, buffer.begin() + 400, std::byte{0});
  for (const ZeroTest& test : available_zero_tests()) {
    EXPECT_TRUE(test.function(std::span(buffer).subspan(100, 300))) << test.name;
    EXPECT_FALSE(test.function(std::span(buffer).subspan(99, 301))) << test.name;
    EXPECT_FALSE(test.function(std::span(buffer).subspan(100, 301))) << test.name;
  }
}

}  // namespace
}  // namespace qcow2stream
