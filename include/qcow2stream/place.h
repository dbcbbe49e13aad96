// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <cstdint>

namespace qcow2stream {

// Where bytes lie as they are, so that the kernel can copy them from there (splice, sendfile,
// copy_file_range). The descriptor belongs to the disk that names it; nobody may move its position.
struct Place {
  int descriptor = -1;
  std::uint64_t offset = 0;  // bytes
};

}  // namespace qcow2stream
