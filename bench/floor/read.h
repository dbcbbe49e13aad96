// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <cstdint>

namespace bench {

// Read the data extents of the file once and do nothing else. Return the bytes read.
std::uint64_t read_buffered(const char* path);
// Past the page cache (O_DIRECT), `depth` requests of 1 MiB in flight. Ends the process where the
// file system cannot.
std::uint64_t read_direct(const char* path, unsigned depth);

}  // namespace bench
