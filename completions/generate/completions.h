// SPDX-License-Identifier: GPL-2.0-or-later
//
// Writes what shells need to complete the command line of a program, and the headings of its
// options in the manual page, from a table of options. Knows no program.

#pragma once

#include <string>
#include <vector>

namespace completions {

// How a value is given: never, as the next word or attached, or attached only and optional.
enum class Given { kNever, kRequired, kAttached };

// What a value can be completed with.
enum class From { kNothing, kFiles, kDirectories, kCommands, kWords };

struct Option {
  std::vector<char> letters;
  std::string name;  // without "--"
  std::string help;  // one line
  Given given = Given::kNever;
  std::string metavar;  // what the help calls the value
  From from = From::kNothing;
  std::vector<std::string> words;
  bool only_these = false;  // no other word is a value
  bool repeats = false;     // may be given more than once
};

// A program whose operands are files.
struct Program {
  std::string name;
  std::vector<Option> options;
};

std::string bash(const Program& program);
std::string zsh(const Program& program);
std::string fish(const Program& program);

// A line for each option: "-c, --cluster-size N", "--measure[=human|json|size|id]".
std::string headings(const Program& program);

}  // namespace completions
