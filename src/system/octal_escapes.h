// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <string>
#include <string_view>

namespace qcow2stream {

// A word of a file in /proc as it was: in the file, spaces and the like are written as \ooo, in
// octal.
std::string without_octal_escapes(std::string_view word);

}  // namespace qcow2stream
