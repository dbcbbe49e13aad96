// SPDX-License-Identifier: GPL-2.0-or-later

#include "common/option_table.h"

#include <fmt/format.h>

namespace qcow2stream::cli {
namespace {

constexpr std::size_t kHelpColumn = 32;

std::string left_column(const OptionSpec& spec) {
  std::string text = spec.letter != 0 ? fmt::format("  -{}, ", spec.letter) : "      ";
  text += fmt::format("--{}", spec.name);
  if (spec.value == Value::kRequired) text += fmt::format(" {}", spec.metavar);
  if (spec.value == Value::kAttached) text += fmt::format("[={}]", spec.metavar);
  return text;
}

void append_option(std::string& out, const OptionSpec& spec) {
  std::string left = left_column(spec);
  std::string_view help = spec.help;
  while (true) {
    const std::size_t newline = help.find('\n');
    out += fmt::format("{:<{}}{}\n", left, kHelpColumn, help.substr(0, newline));
    if (newline == std::string_view::npos) return;
    help.remove_prefix(newline + 1);
    left.clear();
  }
}

}  // namespace

std::string display_name(const OptionSpec& spec) {
  if (spec.name.empty()) return fmt::format("-{}", spec.letter);
  if (spec.letter == 0) return fmt::format("--{}", spec.name);
  return fmt::format("-{}, --{}", spec.letter, spec.name);
}

std::string group_text(std::string_view title, std::span<const OptionSpec> options) {
  std::string out = fmt::format("\n{}:\n", title);
  for (const OptionSpec& spec : options) {
    if (!spec.help.empty() && !spec.is_joined) append_option(out, spec);
  }
  return out;
}

}  // namespace qcow2stream::cli
