// SPDX-License-Identifier: GPL-2.0-or-later

#include <fmt/format.h>

#include "completions.h"
#include "names.h"

namespace completions {
namespace {

constexpr const char* kZshBeginning = R"(#compdef {0}
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Zsh completion for {0}. Made by ./dev completions of the program's table of options.

_arguments -s -S \
)";

constexpr const char* kZshQuote = R"('\'')";

// In a specification of _arguments a bracket would end the explanation, and a colon what is in
// front of it.
std::string escaped(const std::string& text) {
  std::string result;
  for (const char c : text) {
    if (c == '[' || c == ']' || c == ':' || c == '\\') result += '\\';
    result += c;
  }
  return result;
}

std::string action(const Option& option) {
  switch (option.from) {
    case From::kFiles:
      return "_files";
    case From::kDirectories:
      return "_files -/";
    case From::kCommands:
      return "_command_names -e";
    case From::kWords:
      return fmt::format("({})", fmt::join(option.words, " "));
    case From::kNothing:
      break;
  }
  return " ";
}

std::string specification(const Option& option) {
  const std::vector<std::string> names = names_of(option);
  const bool ends_all = option.name == "help" || option.name == "version";
  std::string before = fmt::format("({})", fmt::join(names, " "));
  if (ends_all) before = "(- :)";
  if (option.repeats) before = "*";
  const std::string explanation = fmt::format("[{}]", escaped(option.help));
  std::string value;
  if (option.given != Given::kNever) {
    const char* colon = option.given == Given::kAttached ? "::" : ":";
    value = fmt::format("{}{}:{}", colon, escaped(option.metavar), action(option));
  }
  std::string text;
  for (const std::string& name : names) {
    const bool is_long = name.starts_with("--");
    std::string how;
    if (option.given == Given::kRequired) how = is_long ? "=" : "+";
    if (option.given == Given::kAttached && is_long) how = "=-";
    // A letter without its value is an option, too.
    const bool has_value = option.given == Given::kRequired || is_long;
    const std::string all = fmt::format("{}{}{}{}{}", before, name, how, explanation,  //
                                        has_value ? value : "");
    text += fmt::format("  {} \\\n", quoted(all, kZshQuote));
  }
  return text;
}

}  // namespace

std::string zsh(const Program& program) {
  std::string text = fmt::format(fmt::runtime(kZshBeginning), program.name);
  for (const Option& option : program.options) text += specification(option);
  return text + "  '1:operand:_files'\n";
}

}  // namespace completions
