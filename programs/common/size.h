// SPDX-License-Identifier: GPL-2.0-or-later
//
// Sizes and offsets as people write them.

#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

namespace qcow2stream::cli {

// N, N[k|K|M|G|T|P|E], the same with "iB", or 0x...; all suffixes are powers of 1024. Throws
// std::invalid_argument with a reason that fits behind the text: "is not a size".
std::uint64_t parse_size(std::string_view text);

// For people: "4.6 GiB", "512 B".
std::string format_size(std::uint64_t bytes);

}  // namespace qcow2stream::cli
