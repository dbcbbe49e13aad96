// SPDX-License-Identifier: GPL-2.0-or-later
//
// The arguments of a command line: its options, each of which is applied to what the line says, and
// its operands, which are the program's.

#pragma once

#include <fmt/format.h>

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/option_table.h"
#include "common/usage_error.h"
#include "common/words.h"

namespace qcow2stream::cli {

// `Said` is what the program's command line says. Not thread-safe, and one at a time (Words).
template <class Said>
class Arguments {
 public:
  Arguments(int argc, char** argv, std::span<const OptionGroup<Said>> groups,
            ForeignOptions foreign)
      : options_(options_of(groups)),
        specs_(specs_of<Said>(options_)),
        words_(argc, argv, specs_, foreign) {}

  // Applies options to `said` up to the next operand. Null behind the last argument, and behind an
  // option that asks for a text. Throws UsageError with the option's name.
  const char* next_operand(Said& said) {
    first_lacked_value_ = std::exchange(lacks_value_, nullptr);
    while (const auto word = words_.next()) {
      if (!word->option) return word->text;
      apply(options_[*word->option], word->text, said);
      if (said.text) break;
    }
    return nullptr;
  }

  // The message about a second operand where there is but one. One of the two may have been meant
  // as the value of an option that wants it attached: `--measure json disk.raw`. Otherwise `usage`
  // says how the line is written.
  [[nodiscard]] std::string second_operand_text(std::string_view first, std::string_view second,
                                                std::string_view usage) const {
    const bool second_is_value = lacks_value_ != nullptr;
    const OptionSpec* option = second_is_value ? lacks_value_ : first_lacked_value_;
    if (option == nullptr) return fmt::format("{}: unexpected argument; {}", second, usage);
    return fmt::format("{}: unexpected argument; did you mean --{}={}?", second, option->name,
                       second_is_value ? second : first);
  }

  // The words behind that operand, as they are.
  Words& words() { return words_; }

 private:
  void apply(const Option<Said>& option, const char* value, Said& said) {
    const OptionSpec& spec = option.spec;
    lacks_value_ = spec.value == Value::kAttached && value == nullptr ? &spec : nullptr;
    try {
      option.apply(said, value);
    } catch (const UsageError& error) {
      throw UsageError(fmt::format("{}: {}", display_name(spec), error.what()));
    }
    said.given.insert(spec.name);
  }

  std::vector<Option<Said>> options_;
  std::vector<OptionSpec> specs_;
  Words words_;
  // The option just before the operand that came last, and the one before that: such as want their
  // value attached and have none.
  const OptionSpec* lacks_value_ = nullptr;
  const OptionSpec* first_lacked_value_ = nullptr;
};

}  // namespace qcow2stream::cli
