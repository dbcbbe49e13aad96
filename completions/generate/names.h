// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <string>
#include <vector>

#include "completions.h"

namespace completions {

// "-c" and "--cluster-size": all names of an option, the letters first.
inline std::vector<std::string> names_of(const Option& option) {
  std::vector<std::string> names;
  for (const char letter : option.letters) names.push_back({'-', letter});
  if (!option.name.empty()) names.push_back("--" + option.name);
  return names;
}

// A text in single quotes, as all three shells read it.
inline std::string quoted(const std::string& text, const char* quote) {
  std::string result = "'";
  for (const char c : text) {
    if (c == '\'') {
      result += quote;
    } else {
      result += c;
    }
  }
  return result + "'";
}

}  // namespace completions
