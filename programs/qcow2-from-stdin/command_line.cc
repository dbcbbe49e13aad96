// SPDX-License-Identifier: GPL-2.0-or-later

#include "qcow2-from-stdin/command_line.h"

#include <fmt/format.h>

#include <utility>

#include "common/message.h"
#include "common/option_table.h"
#include "common/shell_word.h"
#include "common/usage_error.h"
#include "common/words.h"
#include "qcow2-from-stdin/foreign_options.h"
#include "qcow2-from-stdin/option_table.h"

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
    without_value_ = lacks_value ? &spec : nullptr;
    try {
      option.apply(said_, value);
    } catch (const UsageError& error) {
      throw UsageError(fmt::format("{}: {}", display_name(spec), error.what()));
    }
    said_.given.insert(spec.name);
  }

  void operand(const char* word) {
    if (has_target_) unexpected_operand(word);
    has_target_ = true;
    // An empty word names nothing.
    if (*word != 0) said_.target = word;
    before_target_ = std::exchange(without_value_, nullptr);
  }

  // `--progress 3 disk.raw`: the value of an option that wants it attached was taken for TARGET.
  [[noreturn]] void unexpected_operand(const char* word) const {
    const std::string target = said_.target.value_or("");
    const OptionSpec* option = without_value_ != nullptr ? without_value_ : before_target_;
    std::string text = fmt::format("{}: unexpected argument", word);
    if (option != nullptr) {
      text += fmt::format("; did you mean --{}={}?", option->name,
                          without_value_ != nullptr ? word : target);
    } else {
      text += fmt::format("; the image comes from standard input, or behind -i: {} -i {} {}",
                          kProgramName, shell_word(target), shell_word(word));
    }
    throw UsageError(text);
  }

  std::vector<Option<CommandLine>> options_;
  std::vector<OptionSpec> specs_;
  Words words_;
  CommandLine said_;
  bool has_target_ = false;
  const OptionSpec* without_value_ = nullptr;  // the option just before this argument, if such
  const OptionSpec* before_target_ = nullptr;
};

}  // namespace

CommandLine parse_command_line(int argc, char** argv) {
  return Parser(argc, argv).parse();
}

}  // namespace qcow2stream::cli
