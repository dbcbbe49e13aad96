// SPDX-License-Identifier: GPL-2.0-or-later

#include <fmt/format.h>

#include <algorithm>

#include "completions.h"
#include "names.h"

namespace completions {
namespace {

constexpr const char* kTop = R"(# SPDX-License-Identifier: GPL-2.0-or-later
#
# Bash completion for {0}. Needs no bash-completion package.
# Made by ./dev completions of the program's table of options.

{1}() {{
  local cur=${{COMP_WORDS[COMP_CWORD]}} prev=${{COMP_WORDS[COMP_CWORD - 1]}} option="" prefix="" word words=""
  COMPREPLY=()

  # "--option=value" comes as three words where "=" is in COMP_WORDBREAKS (the default), else as one.
  if [[ $cur == "=" ]]; then
    option=$prev cur=""
  elif [[ $prev == "=" ]]; then
    option=${{COMP_WORDS[COMP_CWORD - 2]}}
  elif [[ $cur == --*=* ]]; then
    option=${{cur%%=*}} prefix=${{cur%%=*}}= cur=${{cur#*=}}
  else
    # These options have a value that is the next word. Optional values are attached.
    case $prev in
{2}        option=$prev
        ;;
    esac
  fi

  # What stands behind "--" is an operand.
  for ((word = 1; word < COMP_CWORD; word++)); do
    if [[ ${{COMP_WORDS[word]}} == -- ]]; then
      option=operand
    fi
  done
  if [[ -z $option && $cur != -* ]]; then
    option=operand
  fi

  case $option in
)";

constexpr const char* kBottom = R"(    "")
      words="{0}"
      ;;
    *) return ;;
  esac
  mapfile -t COMPREPLY < <(compgen -P "$prefix" -W "$words" -- "$cur")
  if [[ ${{#COMPREPLY[@]}} -eq 1 && ${{COMPREPLY[0]}} == *= ]]; then
    compopt -o nospace 2>/dev/null
  fi
}}

complete -F {1} {2}
)";

// The options as a pattern of `case`, in lines that are not too long.
std::string pattern(const std::vector<std::string>& names, const std::string& indent) {
  constexpr std::size_t kWidth = 110;
  std::string text;
  std::string line = indent;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const std::string last = i + 1 == names.size() ? ")" : " | ";
    if (line.size() > indent.size() && line.size() + names[i].size() + last.size() > kWidth) {
      text += line + "\\\n";
      line = indent + "  ";
    }
    line += names[i] + last;
  }
  return text + line + "\n";
}

std::vector<std::string> names_from(const Program& program, From from) {
  std::vector<std::string> names;
  for (const Option& option : program.options) {
    if (option.given == Given::kNever || option.from != from) continue;
    // An attached value of a letter has nothing in front of it that could be told from a word.
    const auto all = option.given == Given::kRequired
                         ? names_of(option)
                         : std::vector<std::string>{"--" + option.name};
    names.insert(names.end(), all.begin(), all.end());
  }
  return names;
}

std::string generated_by(const std::vector<std::string>& names, const std::string& kind) {
  if (names.empty()) return "";
  const bool are_names = kind != "-c";
  return pattern(names, "    ") + (are_names ? "      compopt -o filenames 2>/dev/null\n" : "") +
         fmt::format(
             "      mapfile -t COMPREPLY < <(compgen {} -P \"$prefix\" -- \"$cur\")\n"
             "      return\n      ;;\n",
             kind);
}

std::string all_options(const Program& program) {
  constexpr std::size_t kWidth = 110;
  std::string text;
  std::size_t width = 13;
  for (const Option& option : program.options) {
    std::vector<std::string> names = names_of(option);
    if (option.given == Given::kAttached) names.push_back("--" + option.name + "=");
    for (const std::string& name : names) {
      if (width + name.size() + 1 > kWidth) {
        text += "\n        ";
        width = 8;
      } else if (!text.empty()) {
        text += " ";
      }
      text += name;
      width += name.size() + 1;
    }
  }
  return text;
}

}  // namespace

std::string bash(const Program& program) {
  std::string function = "_" + program.name;
  std::ranges::replace(function, '-', '_');
  std::vector<std::string> with_value;
  for (const Option& option : program.options) {
    if (option.given != Given::kRequired) continue;
    const auto names = names_of(option);
    with_value.insert(with_value.end(), names.begin(), names.end());
  }
  std::string text =
      fmt::format(fmt::runtime(kTop), program.name, function, pattern(with_value, "      "));
  for (const Option& option : program.options) {
    if (option.given == Given::kNever || option.from != From::kWords) continue;
    const auto names = option.given == Given::kRequired
                           ? names_of(option)
                           : std::vector<std::string>{"--" + option.name};
    text += fmt::format("    {}) words=\"{}\" ;;\n", fmt::join(names, " | "),
                        fmt::join(option.words, " "));
  }
  std::vector<std::string> files = names_from(program, From::kFiles);
  files.emplace_back("operand");
  text += generated_by(files, "-f");
  text += generated_by(names_from(program, From::kDirectories), "-d");
  text += generated_by(names_from(program, From::kCommands), "-c");
  return text + fmt::format(fmt::runtime(kBottom), all_options(program), function, program.name);
}

}  // namespace completions
