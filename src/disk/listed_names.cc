// SPDX-License-Identifier: GPL-2.0-or-later

#include "disk/listed_names.h"

#include <fmt/format.h>

#include <algorithm>

namespace qcow2stream {
namespace {

// A message is one line.
constexpr std::size_t kMostNames = 20;

}  // namespace

std::string join_names(const std::vector<std::string>& names, const std::string& none) {
  if (names.empty()) return none;
  std::string text = "there is ";
  for (std::size_t i = 0; i < std::min(names.size(), kMostNames); ++i) {
    text += (i == 0 ? "'" : ", '") + names[i] + "'";
  }
  if (names.size() > kMostNames) text += fmt::format(" and {} more", names.size() - kMostNames);
  return text;
}

}  // namespace qcow2stream
