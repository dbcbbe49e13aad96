// SPDX-License-Identifier: GPL-2.0-or-later

#include "base/shell_quoted.h"

namespace qcow2stream {

std::string shell_quoted(std::string_view text) {
  std::string word = "'";
  for (const char c : text) {
    if (c == '\'') {
      word += "'\\''";
    } else {
      word += c;
    }
  }
  return word + "'";
}

}  // namespace qcow2stream
