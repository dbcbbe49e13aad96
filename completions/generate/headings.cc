// SPDX-License-Identifier: GPL-2.0-or-later

#include <fmt/format.h>

#include "completions.h"
#include "names.h"

namespace completions {

std::string headings(const Program& program) {
  std::string text;
  for (const Option& option : program.options) {
    text += fmt::format("{}", fmt::join(names_of(option), ", "));
    const std::string value =
        option.only_these ? fmt::format("{}", fmt::join(option.words, "|")) : option.metavar;
    if (option.given == Given::kRequired) text += " " + value;
    if (option.given == Given::kAttached) text += fmt::format("[={}]", value);
    text += "\n";
  }
  return text;
}

}  // namespace completions
