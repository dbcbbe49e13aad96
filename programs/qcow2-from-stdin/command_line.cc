// SPDX-License-Identifier: GPL-2.0-or-later

#include "qcow2-from-stdin/command_line.h"

#include <fmt/format.h>

#include <string>

#include "common/arguments.h"
#include "common/message.h"
#include "common/shell_word.h"
#include "common/usage_error.h"
#include "common/words.h"
#include "qcow2-from-stdin/foreign_options.h"
#include "qcow2-from-stdin/option_table.h"

namespace qcow2stream::cli {

CommandLine parse_command_line(int argc, char** argv) {
  CommandLine said;
  Arguments<CommandLine> arguments(argc, argv, option_groups(), foreign_options());
  bool has_target = false;
  while (const char* word = arguments.next_operand(said)) {
    if (has_target) {
      const std::string target = said.target.value_or("");
      throw UsageError(arguments.second_operand_text(
          target, word,
          fmt::format("the image comes from standard input, or behind -i: {} -i {} {}",
                      kProgramName, shell_word(target), shell_word(word))));
    }
    has_target = true;
    if (*word != 0) said.target = word;  // an empty word names nothing
  }
  return said;
}

}  // namespace qcow2stream::cli
