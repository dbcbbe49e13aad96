// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <string>
#include <string_view>

namespace qcow2stream::cli {

// As one word of a shell's command line, for messages that say what to type: as it is where that
// does, else in quotes.
std::string shell_word(std::string_view text);

// The same of the name of a file, which no program takes for an option.
std::string shell_path(const std::string& path);

}  // namespace qcow2stream::cli
