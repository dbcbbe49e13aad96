// SPDX-License-Identifier: GPL-2.0-or-later

#include "qcow2-to-stdout/command_line.h"

#include <fmt/format.h>

#include <utility>

#include "common/message.h"
#include "common/option_table.h"
#include "common/shell_word.h"
#include "common/usage_error.h"
#include "common/words.h"
#include "qcow2-to-stdout/foreign_options.h"
#include "qcow2-to-stdout/option_table.h"

namespace qcow2stream::cli {
namespace {

class Parser {
 public:
  Parser(int argc, char** argv)
      : options_(options_of(option_groups())),
        specs_(specs_of<CommandLine>(options_)),
        words_(argc, argv, specs_, foreign_options()) {}

  CommandLine parse() {
    while (const auto word = words_.next()) {
      if (word->option) {
        option(options_[*word->option], word->text);
      } else {
        operand(word->text);
      }
      if (said_.text) break;
    }
    return std::move(said_);
  }

 private:
  void option(const Option<CommandLine>& option, const char* value) {
    const OptionSpec& spec = option.spec;
    const bool lacks_value = spec.value == Value::kAttached && value == nullptr;
    last_without_value_ = lacks_value ? &spec : nullptr;
    try {
      option.apply(said_, value);
    } catch (const UsageError& error) {
      throw UsageError(fmt::format("{}: {}", display_name(spec), error.what()));
    }
    said_.given.insert(spec.name);
  }

  void operand(const char* word) {
    if (has_disk_) unexpected_operand(word);
    has_disk_ = true;
    // An empty word names nothing.
    if (*word != 0) said_.disk = word == std::string_view("[") ? server_program() : source_of(word);
    before_disk_ = last_without_value_;
    last_without_value_ = nullptr;
  }

  // [ CMD ARGS... ], up to the bracket that closes it.
  Program server_program() {
    auto command = words_.take_until("]");
    if (!command || command->empty()) {
      throw UsageError("[: a server program is written as [ CMD ARGS... ], with spaces around");
    }
    return {*std::move(command)};
  }

  // `--measure json disk.raw`: the value of an option that wants it attached was taken for DISK.
  [[noreturn]] void unexpected_operand(const char* word) const {
    const OptionSpec* option = last_without_value_ != nullptr ? last_without_value_ : before_disk_;
    const std::string disk = said_.disk ? name_of(*said_.disk) : "";
    const std::string value = last_without_value_ != nullptr ? word : disk;
    std::string message = fmt::format("{}: unexpected argument", word);
    if (option != nullptr) {
      message += fmt::format("; did you mean --{}={}?", option->name, value);
    } else {
      message += fmt::format("; the image goes to standard output: {} ... {} > {}", kProgramName,
                             shell_word(disk), shell_word(word));
    }
    throw UsageError(message);
  }

  std::vector<Option<CommandLine>> options_;
  std::vector<OptionSpec> specs_;
  Words words_;
  CommandLine said_;
  bool has_disk_ = false;
  const OptionSpec* last_without_value_ = nullptr;  // the option just before this argument, if such
  const OptionSpec* before_disk_ = nullptr;
};

}  // namespace

CommandLine parse_command_line(int argc, char** argv) {
  return Parser(argc, argv).parse();
}

}  // namespace qcow2stream::cli
