// SPDX-License-Identifier: GPL-2.0-or-later
//
// The words of a command line, by a table of options. getopt_long does the parsing: it knows values
// that must be attached (--measure=json), which is what keeps `--measure disk.raw` unambiguous, and
// it leaves the operands where they are.

#pragma once

#include <getopt.h>

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/option_hints.h"
#include "common/option_table.h"

namespace qcow2stream::cli {

// An option with its value, which is null where none was given; or an operand, if it has no option.
struct Word {
  std::optional<std::size_t> option;  // its place in the table
  const char* text = nullptr;
};

// Not thread-safe, and one at a time (getopt_long keeps state).
class Words {
 public:
  // `options` are those of the whole table. `foreign` is what other programs call them.
  Words(int argc, char** argv, std::span<const OptionSpec> options, ForeignOptions foreign);

  // The next one, from the left. Throws UsageError: what is no option, or has no value and needs
  // one, or has one and takes none. The beginning of a name will do, unless other programs mean
  // something else by it.
  std::optional<Word> next();

  // The words behind the operand that came last, up to `end`, none of which is an option of ours.
  // Nothing where `end` does not come.
  std::optional<std::vector<std::string>> take_until(std::string_view end);

 private:
  [[nodiscard]] std::optional<std::size_t> find(int value) const;
  [[noreturn]] void throw_unknown() const;
  void refuse_foreign_beginning(const char* word, const OptionSpec& spec) const;

  int argc_;
  char** argv_;
  std::span<const OptionSpec> options_;
  ForeignOptions foreign_;
  std::string letters_;
  std::vector<option> longs_;
  bool only_operands_ = false;  // "--" has come
};

}  // namespace qcow2stream::cli
