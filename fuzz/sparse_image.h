// SPDX-License-Identifier: GPL-2.0-or-later
//
// How the bytes of a qcow2 image are written as an input: without what is zero in it
// (tests/qcow2/fuzz_input.py makes one). Two bytes for the size in units of 512 bytes, one for what
// is missing of the last; then pieces: three bytes for the place of each in units of 16 bytes, one
// for its length in these units, and its bytes. All numbers are big-endian.

#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "input.h"

namespace qcow2stream::fuzz {

inline std::uint64_t number_of(Input& input, int bytes) {
  std::uint64_t number = 0;
  for (; bytes > 0; --bytes) number = number << 8 | input.byte();
  return number;
}

inline std::vector<std::byte> image_of(Input& input) {
  constexpr std::size_t kUnit = 16;
  constexpr std::uint64_t kMostSectors = 8192;
  std::vector<std::byte> image(number_of(input, 2) % kMostSectors * 512 + 512);
  image.resize(image.size() - number_of(input, 1));
  while (!input.at_end()) {
    const std::size_t at = number_of(input, 3) * kUnit;
    const std::size_t end = at + number_of(input, 1) * kUnit;
    for (std::size_t i = at; i < end && !input.at_end(); ++i) {
      const std::byte value{input.byte()};
      if (i < image.size()) image[i] = value;
    }
  }
  return image;
}

}  // namespace qcow2stream::fuzz
