// SPDX-License-Identifier: GPL-2.0-or-later

#include "system/octal_escapes.h"

#include <cstddef>

namespace qcow2stream {

std::string without_octal_escapes(std::string_view word) {
  const auto is_octal = [](char c) { return c >= '0' && c <= '7'; };
  std::string plain;
  for (std::size_t i = 0; i < word.size(); ++i) {
    if (word[i] == '\\' && i + 3 < word.size() && is_octal(word[i + 1]) && is_octal(word[i + 2]) &&
        is_octal(word[i + 3])) {
      plain +=
          static_cast<char>((word[i + 1] - '0') * 64 + (word[i + 2] - '0') * 8 + word[i + 3] - '0');
      i += 3;
    } else {
      plain += word[i];
    }
  }
  return plain;
}

}  // namespace qcow2stream
