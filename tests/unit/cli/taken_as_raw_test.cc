// SPDX-License-Identifier: GPL-2.0-or-later

#include "qcow2-to-stdout/taken_as_raw.h"

#include <gtest/gtest.h>

namespace qcow2stream::cli {
namespace {

TEST(TakenAsRaw, NamesOfImages) {
  for (const char* name : {"a.qcow2", "dir/a.vmdk", "A.VHD", "/x.y/z.Dmg", "a.hds", ".qcow2"}) {
    EXPECT_TRUE(has_name_of_image(name)) << name;
  }
  for (const char* name :
       {"", "a", "qcow2", "a.raw", "a.img", "a.qcow2.gz", "x.qcow2/a", "a.qcow2/"}) {
    EXPECT_FALSE(has_name_of_image(name)) << name;
  }
}

}  // namespace
}  // namespace qcow2stream::cli
