// SPDX-License-Identifier: GPL-2.0-or-later
//
// From a program's table of options to what its completions are made of.

#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/option_table.h"
#include "completions.h"

namespace completions {

using Words = std::vector<std::string>;

// What the name of a value does not tell.
struct Known {
  std::string_view option;
  From from = From::kWords;
  Words words;
  bool only_these = false;
  bool repeats = false;
};

// The names of all digests.
Words digests();

// The options of all groups, in their order.
template <class Said>
std::vector<qcow2stream::cli::OptionSpec> specs_of_all(
    std::span<const qcow2stream::cli::OptionGroup<Said>> groups) {
  return qcow2stream::cli::specs_of<Said>(qcow2stream::cli::options_of(groups));
}

// The program itself: writes what its only argument names, bash|zsh|fish|headings, to standard
// output. Returns the exit status.
int write_completions(std::span<char*> words, const std::string& program,
                      std::span<const qcow2stream::cli::OptionSpec> specs,
                      std::span<const Known> known);

}  // namespace completions
