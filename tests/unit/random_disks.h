// SPDX-License-Identifier: GPL-2.0-or-later
//
// Random content of disks, from RapidCheck.

#pragma once

#include <rapidcheck.h>

#include <algorithm>
#include <cstddef>
#include <vector>

namespace qcow2stream::testing {

using ByteVector = std::vector<std::byte>;

// As a guest sees it: whole sectors.
inline ByteVector in_sectors(ByteVector bytes) {
  bytes.resize((bytes.size() + 511) / 512 * 512);
  return bytes;
}

// The whole range from the first example on; others grow slowly.
inline std::size_t between(std::size_t begin, std::size_t end) {
  return *rc::gen::resize(rc::kNominalSize, rc::gen::inRange(begin, end));
}

// Overwrites some runs, with zeros too.
inline void write_somewhere(ByteVector& bytes) {
  const auto runs = bytes.empty() ? 0 : *rc::gen::inRange(0, 10);
  for (int i = 0; i < runs; ++i) {
    const auto begin = between(0, bytes.size());
    const auto most = *rc::gen::element<std::size_t>(1, 600, 5000, 300'000);
    const auto length = between(1, std::min(most, bytes.size() - begin) + 1);
    const auto salt = *rc::gen::element<std::size_t>(0, 0, 1, 2, 3);
    for (std::size_t k = begin; k < begin + length; ++k) {
      bytes[k] = static_cast<std::byte>(salt == 0 ? 0 : (k * 31 + salt) % 255 + 1);
    }
  }
}

}  // namespace qcow2stream::testing
