// SPDX-License-Identifier: GPL-2.0-or-later
//
// Maps that say what is allocated (--map): the input is the JSON.

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>

#include "map_check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const std::string text(data, data + size);
    qcow2stream::fuzz::check_map(text, qcow2stream::fuzz::Meaning::kAllocated);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "map: %s\n", error.what());
    std::abort();
  }
  return 0;
}
