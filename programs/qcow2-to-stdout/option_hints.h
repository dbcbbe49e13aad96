// SPDX-License-Identifier: GPL-2.0-or-later
//
// What was meant by an option that does not exist.

#pragma once

#include <string>
#include <string_view>

namespace qcow2stream::cli {

// The message about `word`, "--name" or "--name=value", which getopt_long does not know or which is
// the beginning of several names.
std::string unknown_name_text(std::string_view word);

// The message about `letter` in `word`, "-abc". `next` is the word behind it, or empty.
std::string unknown_letter_text(char letter, std::string_view word, std::string_view next);

}  // namespace qcow2stream::cli
