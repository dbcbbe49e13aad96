// SPDX-License-Identifier: GPL-2.0-or-later

#include <fmt/format.h>

#include <string>
#include <string_view>

#include "common/message.h"
#include "qcow2-to-stdout/option_table.h"

namespace qcow2stream::cli {

const char* const kProgramName = "qcow2-to-stdout";

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

std::string help_text() {
  std::string out =
      "Usage: qcow2-to-stdout [OPTION]... DISK > IMAGE\n"
      "DISK: a raw file or block device, an NBD URI, [ CMD ARGS... ], - (stdin), or\n"
      "with -f an image of another format.\n"
      "\n"
      "  qcow2-to-stdout disk.raw > disk.qcow2\n"
      "  qcow2-to-stdout -f vmdk --compress disk.vmdk | ssh host 'cat > disk.qcow2'\n";
  for (const OptionGroup& group : option_groups()) {
    out += fmt::format("\n{}:\n", group.title);
    for (const OptionSpec& spec : group.options) {
      if (!spec.help.empty()) append_option(out, spec);
    }
  }
  out +=
      "\n"
      "N may end in k, M, G, T, P or E (or KiB, ...), powers of 1024. A value in [=...]\n"
      "is attached. Exit status: 0 complete, 1 failed, 2 command line, 3 DISK changed,\n"
      "4 not the --if-match image. More examples and all the rest: man qcow2-to-stdout\n";
  return out;
}

}  // namespace qcow2stream::cli
