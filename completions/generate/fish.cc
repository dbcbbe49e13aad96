// SPDX-License-Identifier: GPL-2.0-or-later

#include <fmt/format.h>

#include "completions.h"
#include "names.h"

namespace completions {
namespace {

constexpr const char* kFishBeginning = R"(# SPDX-License-Identifier: GPL-2.0-or-later
#
# Fish completion for {0}. Made by ./dev completions of the program's table of options.

)";

constexpr const char* kFishQuote = R"(\')";

// What fish does with the next word. Without -f or -x it would also offer files.
std::string value(const Option& option) {
  if (option.given != Given::kRequired) return "";
  switch (option.from) {
    case From::kFiles:
      return " -r -F";
    case From::kDirectories:
      return " -x -a '(__fish_complete_directories)'";
    case From::kCommands:
      return " -x -a '(__fish_complete_command)'";
    case From::kWords:
      return fmt::format(" -x -a '{}'", fmt::join(option.words, " "));
    case From::kNothing:
      break;
  }
  return " -x";
}

}  // namespace

std::string fish(const Program& program) {
  std::string text = fmt::format(fmt::runtime(kFishBeginning), program.name);
  for (const Option& option : program.options) {
    text += "complete -c " + program.name;
    for (const char letter : option.letters) text += fmt::format(" -s {}", letter);
    if (!option.name.empty()) text += " -l " + option.name;
    text += value(option) + " -d " + quoted(option.help, kFishQuote) + "\n";
    if (option.given != Given::kAttached || option.words.empty()) continue;
    // Fish knows no optional values, so each option with its value is a word.
    const std::string prefix = fmt::format("--{}=", option.name);
    text +=
        fmt::format("complete -c {} -f -n 'string match -q -- \"--{}*\" (commandline -ct)' -a '",
                    program.name, option.name);
    text += fmt::format("{}{}'\n", prefix, fmt::join(option.words, " " + prefix));
  }
  return text;
}

}  // namespace completions
