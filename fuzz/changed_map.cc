// SPDX-License-Identifier: GPL-2.0-or-later
//
// Maps that say what has changed (--changed-map): the input is the JSON.

#include <cstddef>
#include <cstdint>

#include "input.h"
#include "map_check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return qcow2stream::fuzz::run("changed-map", [&] {
    qcow2stream::fuzz::check_map({data, data + size}, qcow2stream::fuzz::Meaning::kChanged);
  });
}
