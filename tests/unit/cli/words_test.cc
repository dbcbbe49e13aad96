// SPDX-License-Identifier: GPL-2.0-or-later
//
// A table of options that is no program's.

#include "common/words.h"

#include <gtest/gtest.h>

#include <array>

#include "common/option_values.h"
#include "common/usage_error.h"

namespace qcow2stream::cli {
namespace {

struct Said {
  bool loud = false;
  std::optional<std::uint64_t> size;
  std::string mode;
};

using Row = Option<Said>;

constexpr std::array kRows = {
    Row{{'l', "loud", Value::kNone, "", "say more"},
        [](Said& said, const char*) { said.loud = true; }},
    Row{{'s', "size", Value::kRequired, "N", "how much"},
        [](Said& said, const char* value) { said.size = size_value(value); }},
    Row{{0, "mode", Value::kAttached, "HOW", "in which way"},
        [](Said& said, const char* value) { said.mode = value == nullptr ? "none" : value; }},
};
constexpr std::array kNames = {ForeignName{"verbose", "--loud"}};
constexpr std::array kLetters = {ForeignLetter{'n', "there is nothing to count"}};
constexpr ForeignOptions kForeign = {.names = kNames, .letters = kLetters};

// The operands, behind what was said.
std::string parse(std::vector<std::string> words, Said& said) {
  words.insert(words.begin(), "program");
  std::vector<char*> argv;
  argv.reserve(words.size() + 1);
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  const std::vector<OptionSpec> specs = specs_of(std::span<const Row>(kRows));
  Words line(static_cast<int>(words.size()), argv.data(), specs, kForeign);
  std::string operands;
  while (const auto word = line.next()) {
    if (word->option) {
      kRows[*word->option].apply(said, word->text);
    } else if (word->text == std::string_view("{")) {
      const auto inner = line.take_until("}");
      operands += inner ? "{" + std::to_string(inner->size()) + "} " : "{ ";
    } else {
      operands += word->text + std::string(" ");
    }
  }
  return operands;
}

std::string problem_with(const std::vector<std::string>& words) {
  Said said;
  try {
    parse(words, said);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "";
}

TEST(Words, OptionsAndOperandsComeInTheirOrder) {
  Said said;
  EXPECT_EQ(parse({"a", "-ls", "4k", "b", "--mode=fast"}, said), "a b ");
  EXPECT_TRUE(said.loud);
  EXPECT_EQ(said.size, 4096U);
  EXPECT_EQ(said.mode, "fast");
}

TEST(Words, AnAttachedValueMayBeLeftOut) {
  Said said;
  EXPECT_EQ(parse({"--mode", "fast"}, said), "fast ");
  EXPECT_EQ(said.mode, "none");
}

TEST(Words, NothingIsAnOptionBehindTwoDashes) {
  Said said;
  EXPECT_EQ(parse({"--", "-l", "--mode=x", "--"}, said), "-l --mode=x -- ");
  EXPECT_FALSE(said.loud);
}

TEST(Words, NothingIsAnOptionBetweenBrackets) {
  Said said;
  EXPECT_EQ(parse({"{", "cmd", "-l", "-x", "}", "-s1"}, said), "{3} ");
  EXPECT_FALSE(said.loud);
  EXPECT_EQ(said.size, 1U);
  EXPECT_EQ(parse({"{", "cmd"}, said), "{ ");
}

TEST(Words, WhatIsNoOptionIsToldByTheTable) {
  EXPECT_EQ(problem_with({"--verbose"}), "--verbose: unknown option; did you mean --loud?");
  EXPECT_EQ(problem_with({"--szie=1"}), "--szie=1: unknown option; did you mean --size?");
  EXPECT_EQ(problem_with({"-n"}), "-n: unknown option; there is nothing to count");
  EXPECT_EQ(problem_with({"--digest"}), "--digest: unknown option; see --help");
  EXPECT_EQ(problem_with({"--loud=1"}), "-l, --loud: takes no value");
  EXPECT_EQ(problem_with({"-s"}), "-s, --size: needs a value");
}

TEST(Words, TheHelpIsMadeOfTheTable) {
  EXPECT_EQ(group_text("All", specs_of(std::span<const Row>(kRows))),
            "\nAll:\n"
            "  -l, --loud                    say more\n"
            "  -s, --size N                  how much\n"
            "      --mode[=HOW]              in which way\n");
}

}  // namespace
}  // namespace qcow2stream::cli
