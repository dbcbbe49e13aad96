// SPDX-License-Identifier: GPL-2.0-or-later
//
// Ways to read the first page of every cluster of a disk that is not in the page cache.

#pragma once

#include <string_view>

namespace bench {

// `how`: "random" (page cache, readahead off), "readahead" (page cache, readahead on) or "direct"
// (O_DIRECT); through io_uring, `depth` reads in flight in each of `threads` threads. Returns
// seconds. Looks at no byte of what it reads.
double deep_probe(const char* path, std::string_view how, unsigned depth, unsigned threads);

}  // namespace bench
