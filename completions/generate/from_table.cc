// SPDX-License-Identifier: GPL-2.0-or-later

#include "from_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <stdexcept>
#include <utility>

#include "common/digest_text.h"

namespace completions {
namespace {

using qcow2stream::cli::OptionSpec;

From from_metavar(const OptionSpec& spec) {
  constexpr auto kFiles = std::to_array<std::string_view>({"FILE", "DISK", "FILE|FD"});
  constexpr auto kNothing =
      std::to_array<std::string_view>({"", "N", "K/N", "JSON", "ID", "SECONDS"});
  if (std::ranges::find(kFiles, spec.metavar) != kFiles.end()) return From::kFiles;
  if (std::ranges::find(kNothing, spec.metavar) != kNothing.end()) return From::kNothing;
  if (spec.metavar == "DIR") return From::kDirectories;
  if (spec.metavar == "CMD") return From::kCommands;
  throw std::runtime_error(
      fmt::format("what is a {}, the value of --{}?", spec.metavar, spec.name));
}

Given given(qcow2stream::cli::Value value) {
  switch (value) {
    case qcow2stream::cli::Value::kNone:
      return Given::kNever;
    case qcow2stream::cli::Value::kRequired:
      return Given::kRequired;
    case qcow2stream::cli::Value::kAttached:
      break;
  }
  return Given::kAttached;
}

Option option_of(const OptionSpec& spec, std::span<const Known> known) {
  Option option{.name = std::string(spec.name),
                .help = std::string(spec.help),
                .given = given(spec.value),
                .metavar = std::string(spec.metavar)};
  std::ranges::replace(option.help, '\n', ' ');
  if (spec.letter != 0) option.letters.push_back(spec.letter);
  const auto found = std::ranges::find(known, spec.name, &Known::option);
  if (found == known.end()) {
    option.from = from_metavar(spec);
  } else {
    option.from = found->from;
    option.words = found->words;
    option.only_these = found->only_these;
    option.repeats = found->repeats;
  }
  return option;
}

Program program_of(const std::string& name, std::span<const OptionSpec> specs,
                   std::span<const Known> known) {
  Program program{.name = name, .options = {}};
  for (const OptionSpec& spec : specs) {
    // A letter alone is another one of the option before it. Without help it is an old name.
    if (spec.name.empty()) {
      program.options.back().letters.push_back(spec.letter);
    } else if (!spec.help.empty()) {
      program.options.push_back(option_of(spec, known));
    }
  }
  for (const Known& one : known) {
    if (std::ranges::find(program.options, one.option, &Option::name) == program.options.end()) {
      throw std::runtime_error(fmt::format("there is no option --{} any more", one.option));
    }
  }
  return program;
}

}  // namespace

Words digests() {
  const auto names = qcow2stream::cli::digest_names();
  return {names.begin(), names.end()};
}

int write_completions(std::span<char*> words, const std::string& program,
                      std::span<const OptionSpec> specs, std::span<const Known> known) {
  using Writer = std::string (*)(const Program&);
  constexpr std::array<std::pair<std::string_view, Writer>, 4> kWriters = {
      {{"bash", bash}, {"zsh", zsh}, {"fish", fish}, {"headings", headings}}};
  try {
    if (words.size() == 2) {
      for (const auto& [kind, writer] : kWriters) {
        if (kind != words[1]) continue;
        const std::string text = writer(program_of(program, specs, known));
        return std::fputs(text.c_str(), stdout) < 0 || std::fflush(stdout) != 0 ? 1 : 0;
      }
    }
    fmt::print(stderr, "usage: {} bash|zsh|fish|headings\n", words[0]);
    return 2;
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
}

}  // namespace completions
