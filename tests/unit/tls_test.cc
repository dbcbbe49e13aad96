// SPDX-License-Identifier: GPL-2.0-or-later

#include "disk/nbd/tls.h"

#include <gtest/gtest.h>

namespace qcow2stream {
namespace {

TEST(Tls, ParametersOfAUri) {
  const auto value = [](const char* uri) { return uri_parameter(uri, "tls-certificates"); };
  EXPECT_EQ(value("nbds://host"), std::nullopt);
  EXPECT_EQ(value("nbds://host/tls-certificates=x"), std::nullopt);
  EXPECT_EQ(value("nbds://host/export?"), std::nullopt);
  EXPECT_EQ(value("nbds://host/export?tls-certificate=x"), std::nullopt);
  EXPECT_EQ(value("nbds://host#?tls-certificates=x"), std::nullopt);
  EXPECT_EQ(value("nbds://host?tls-certificates=x#y"), "x");
  EXPECT_EQ(value("nbds://host?tls-certificates"), "");
  EXPECT_EQ(value("nbds://host?tls-certificates="), "");
  EXPECT_EQ(value("nbds://host?a=b&tls-certificates=c=d&e"), "c=d");
  EXPECT_EQ(value("nbds://host?a=b;tls-certificates=c;e"), "c");
  EXPECT_EQ(value("nbds://host?tls-certificates=a&tls-certificates=b"), "b");
  EXPECT_EQ(value("nbds://host?tls%2Dcertificates=%2Fa%20b%2fc%"), "/a b/c%");
  EXPECT_EQ(value("nbds://host?tls-certificates=%4"), "%4");
  EXPECT_EQ(value("nbds://host?tls-certificates=%zz%41"), "%zzA");
}

}  // namespace
}  // namespace qcow2stream
