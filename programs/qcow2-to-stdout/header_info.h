// SPDX-License-Identifier: GPL-2.0-or-later
//
// What a caller already knows about an image that DISK or the base shows the content of: the output
// of `qemu-img info --output=json`.

#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace qcow2stream::cli {

struct HeaderInfo {
  std::uint64_t virtual_size = 0;  // bytes
  std::optional<std::uint64_t> cluster_size;
};

// Reads it from a file or a pipe. Throws Error{kFailed}.
HeaderInfo read_header_info(const std::string& path);

}  // namespace qcow2stream::cli
