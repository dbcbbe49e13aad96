// SPDX-License-Identifier: GPL-2.0-or-later

#include "qcow2-to-stdout/command_line.h"

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>

#include "common/arguments.h"
#include "common/message.h"
#include "common/shell_word.h"
#include "common/usage_error.h"
#include "common/words.h"
#include "qcow2-to-stdout/foreign_options.h"
#include "qcow2-to-stdout/option_table.h"

namespace qcow2stream::cli {
namespace {

// [ CMD ARGS... ], up to the bracket that closes it.
Program server_program(Words& words) {
  auto command = words.take_until("]");
  if (!command || command->empty()) {
    throw UsageError("[: a server program is written as [ CMD ARGS... ], with spaces around");
  }
  return {*std::move(command)};
}

}  // namespace

CommandLine parse_command_line(int argc, char** argv) {
  CommandLine said;
  Arguments<CommandLine> arguments(argc, argv, option_groups(), foreign_options());
  bool has_disk = false;
  while (const char* word = arguments.next_operand(said)) {
    if (has_disk) {
      const std::string disk = said.disk ? name_of(*said.disk) : "";
      throw UsageError(arguments.second_operand_text(
          disk, word,
          fmt::format("the image goes to standard output: {} ... {} > {}", kProgramName,
                      shell_word(disk), shell_word(word))));
    }
    has_disk = true;
    if (*word == 0) continue;  // it names nothing
    said.disk = word == std::string_view("[") ? server_program(arguments.words()) : source_of(word);
  }
  return said;
}

}  // namespace qcow2stream::cli
