// SPDX-License-Identifier: GPL-2.0-or-later

#include <fmt/format.h>

#include <string>
#include <string_view>

#include "common/message.h"
#include "qcow2-to-stdout/option_table.h"

namespace qcow2stream::cli {

const char* const kProgramName = "qcow2-to-stdout";

namespace {

constexpr std::size_t kHelpColumn = 31;

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

std::string help_text() {
  std::string out =
      "Usage: qcow2-to-stdout [OPTION]... DISK > IMAGE\n"
      "DISK: a raw file or block device, with -f an image, an NBD URI, [ CMD ARGS... ], or - "
      "(stdin).\n";
  for (const OptionGroup& group : option_groups()) {
    out += fmt::format("\n{}:\n", group.title);
    for (const OptionSpec& spec : group.options) {
      if (!spec.help.empty()) append_option(out, spec);
    }
  }
  out +=
      "\nN may end in k, M, G, T, P or E (or KiB, ...), powers of 1024. Values in [=...] are "
      "attached.\n"
      "Exit status: 0 complete, 1 failed, 2 command line, 3 DISK changed, 4 not the --if-match "
      "image.\n";
  return out;
}

}  // namespace qcow2stream::cli
