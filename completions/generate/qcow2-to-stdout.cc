// SPDX-License-Identifier: GPL-2.0-or-later
//
// completions-qcow2-to-stdout bash|zsh|fish|headings: writes the completion of one shell, or the
// headings of the manual page, to standard output. ./dev completions calls it.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <span>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "common/digest_text.h"
#include "completions.h"
#include "qcow2-to-stdout/option_table.h"

namespace completions {
namespace {

using qcow2stream::cli::OptionSpec;
using Words = std::vector<std::string>;

const Words kFormats = {"raw", "auto", "qcow2",     "vmdk", "vdi",   "vhdx", "vpc",
                        "qed", "qcow", "parallels", "dmg",  "bochs", "cloop"};
const Words kClusterSizes = {"512", "1k",   "2k",   "4k",   "8k", "16k", "32k",
                             "64k", "128k", "256k", "512k", "1M", "2M"};

Words digests() {
  const auto names = qcow2stream::cli::digest_names();
  return {names.begin(), names.end()};
}

// What the name of a value does not tell.
struct Known {
  std::string_view option;
  From from = From::kWords;
  Words words;
  bool only_these = false;
  bool repeats = false;
};

const std::vector<Known>& known() {
  static const std::vector<Known> all = {
      {.option = "input-format", .words = kFormats},
      {.option = "base-format", .words = kFormats},
      {.option = "backing-format", .words = {"qcow2", "raw"}},
      {.option = "object", .from = From::kNothing, .repeats = true},
      {.option = "scan", .words = {"zeros", "holes", "none"}, .only_these = true},
      {.option = "cluster-size", .words = kClusterSizes},
      {.option = "refcount-bits", .words = {"1", "2", "4", "8", "16", "32", "64"}},
      {.option = "qcow2-version", .words = {"2", "3"}, .only_these = true},
      {.option = "compress", .words = {"zlib", "zstd", "keep"}},
      {.option = "deflate-window", .words = {"4k", "32k"}, .only_these = true},
      {.option = "data-file", .from = From::kFiles},
      {.option = "backing-file", .from = From::kFiles},
      {.option = "dirty-bitmap", .from = From::kNothing},
      {.option = "snapshot", .from = From::kNothing},
      {.option = "measure", .words = {"human", "json", "size", "id"}, .only_these = true},
      {.option = "digest", .words = digests(), .repeats = true},
      {.option = "name", .from = From::kFiles},
      {.option = "progress", .words = {"2", "3"}},
      {.option = "threads", .words = {"0", "1", "2", "4", "8", "16"}},
  };
  return all;
}

From from_metavar(const OptionSpec& spec) {
  constexpr auto kFiles = std::to_array<std::string_view>({"FILE", "DISK", "FILE|FD"});
  constexpr auto kNothing = std::to_array<std::string_view>({"", "N", "JSON", "ID", "SECONDS"});
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

Option option_of(const OptionSpec& spec) {
  Option option{.name = std::string(spec.name),
                .help = std::string(spec.help),
                .given = given(spec.value),
                .metavar = std::string(spec.metavar)};
  if (spec.letter != 0) option.letters.push_back(spec.letter);
  const auto found = std::ranges::find(known(), spec.name, &Known::option);
  if (found == known().end()) {
    option.from = from_metavar(spec);
  } else {
    option.from = found->from;
    option.words = found->words;
    option.only_these = found->only_these;
    option.repeats = found->repeats;
  }
  return option;
}

Program program() {
  Program program{.name = "qcow2-to-stdout", .options = {}};
  for (const auto& group : qcow2stream::cli::option_groups()) {
    for (const OptionSpec& spec : qcow2stream::cli::specs_of(group.options)) {
      // A letter alone is another one of the option before it. Without help it is an old name.
      if (spec.name.empty()) {
        program.options.back().letters.push_back(spec.letter);
      } else if (!spec.help.empty()) {
        program.options.push_back(option_of(spec));
      }
    }
  }
  for (const Known& one : known()) {
    if (std::ranges::find(program.options, one.option, &Option::name) == program.options.end()) {
      throw std::runtime_error(fmt::format("there is no option --{} any more", one.option));
    }
  }
  return program;
}

int run(std::span<char*> words) {
  using Writer = std::string (*)(const Program&);
  constexpr std::array<std::pair<std::string_view, Writer>, 4> kWriters = {
      {{"bash", bash}, {"zsh", zsh}, {"fish", fish}, {"headings", headings}}};
  if (words.size() == 2) {
    for (const auto& [kind, writer] : kWriters) {
      if (kind != words[1]) continue;
      const std::string text = writer(program());
      return std::fputs(text.c_str(), stdout) < 0 || std::fflush(stdout) != 0 ? 1 : 0;
    }
  }
  fmt::print(stderr, "usage: {} bash|zsh|fish|headings\n", words[0]);
  return 2;
}

}  // namespace
}  // namespace completions

int main(int argc, char** argv) {
  try {
    return completions::run({argv, static_cast<std::size_t>(argc)});
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
}
