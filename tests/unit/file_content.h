// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <cstddef>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

namespace qcow2stream::testing {

// Throws std::runtime_error if the file cannot be read.
inline std::vector<std::byte> content_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error(path + " cannot be read");
  const std::vector<char> chars{std::istreambuf_iterator<char>(file), {}};
  const auto* begin = reinterpret_cast<const std::byte*>(chars.data());
  return {begin, begin + chars.size()};
}

}  // namespace qcow2stream::testing
