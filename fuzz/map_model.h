// SPDX-License-Identifier: GPL-2.0-or-later
//
// What a map in JSON means, as simple as can be: the whole text becomes a tree, and each entry
// paints its bytes of a small disk.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace qcow2stream::fuzz {

// What a map is read for.
enum class Meaning { kAllocated, kChanged };

enum class Paint : std::uint8_t { kNotListed, kUnchanged, kChanged, kZero };

struct Painting {
  std::vector<Paint> bytes;  // of the disk, padded to whole sectors
  bool sorted = true;        // the entries, by offset
};

// Nothing where the map must be refused.
std::optional<Painting> paint(const std::string& text, Meaning meaning, std::uint64_t disk_size);

}  // namespace qcow2stream::fuzz
