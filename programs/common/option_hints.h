// SPDX-License-Identifier: GPL-2.0-or-later
//
// What was meant by an option that does not exist.

#pragma once

#include <span>
#include <string>
#include <string_view>

#include "common/option_table.h"

namespace qcow2stream::cli {

// What other programs call an option of ours.
struct ForeignName {
  std::string_view name;
  std::string_view ours;  // as it is typed, or what there is instead
};

struct ForeignLetter {
  char letter;
  std::string_view text;  // behind "unknown option; "
};

struct ForeignOptions {
  std::span<const ForeignName> names;
  std::span<const ForeignLetter> letters;
};

// Whether other programs have an option of this name, "--name".
bool is_foreign(std::string_view name, const ForeignOptions& foreign);

// The message about `word`, "--name" or "--name=value", which getopt_long does not know or which is
// the beginning of several names.
std::string unknown_name_text(std::string_view word, std::span<const OptionSpec> options,
                              const ForeignOptions& foreign);

// The message about `letter` in `word`, "-abc". `next` is the word behind it, or empty.
std::string unknown_letter_text(char letter, std::string_view word, std::string_view next,
                                std::span<const OptionSpec> options, const ForeignOptions& foreign);

}  // namespace qcow2stream::cli
