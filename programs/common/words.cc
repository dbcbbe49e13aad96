// SPDX-License-Identifier: GPL-2.0-or-later

#include "common/words.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "common/usage_error.h"

namespace qcow2stream::cli {
namespace {

constexpr int kFirstLongOnly = 256;  // getopt's return values for options without a letter

int argument_of(Value value) {
  switch (value) {
    case Value::kNone:
      return no_argument;
    case Value::kRequired:
      return required_argument;
    case Value::kAttached:
      return optional_argument;
  }
  return no_argument;
}

}  // namespace

Words::Words(int argc, char** argv, std::span<const OptionSpec> options, ForeignOptions foreign)
    : argc_(argc),
      argv_(argv),
      options_(options),
      foreign_(foreign),
      // '-': hand out operands in place, also under POSIXLY_CORRECT. ':': say what is missing.
      letters_("-:") {
  for (std::size_t i = 0; i < options_.size(); ++i) {
    const OptionSpec& spec = options_[i];
    if (spec.letter != 0) {
      letters_ += spec.letter;
      // A letter takes no attached value: -dR is -d -R.
      if (spec.value == Value::kRequired) letters_ += ':';
    }
    if (!spec.name.empty()) {
      longs_.push_back({spec.name.data(), argument_of(spec.value), nullptr,
                        kFirstLongOnly + static_cast<int>(i)});
    }
  }
  longs_.push_back({});
  optind = 0;  // glibc: start afresh
  opterr = 0;
}

std::optional<std::size_t> Words::find(int value) const {
  for (std::size_t i = 0; i < options_.size(); ++i) {
    const char letter = options_[i].letter;
    if (value == kFirstLongOnly + static_cast<int>(i) || (letter != 0 && value == letter)) return i;
  }
  return std::nullopt;
}

// getopt_long takes any beginning of a name. "--target" is the beginning of --target-is-zero, and
// whoever types it means something else.
void Words::refuse_foreign_beginning(const char* word, const OptionSpec& spec) const {
  const std::string_view typed = word;
  const std::string_view name = typed.substr(0, typed.find('='));
  if (name.starts_with("--") && name.substr(2) != spec.name && is_foreign(name, foreign_)) {
    throw UsageError(unknown_name_text(typed, options_, foreign_));
  }
}

std::optional<Word> Words::next() {
  const int at = std::max(optind, 1);
  const int found =
      only_operands_ ? -1 : ::getopt_long(argc_, argv_, letters_.c_str(), longs_.data(), nullptr);
  if (found == -1) {
    only_operands_ = true;
    if (optind >= argc_) return std::nullopt;
    return Word{.option = {}, .text = argv_[optind++]};
  }
  if (found == 1) return Word{.option = {}, .text = optarg};
  if (found == '?') throw_unknown();
  if (found == ':') {
    if (optopt >= kFirstLongOnly) refuse_foreign_beginning(argv_[at], options_[*find(optopt)]);
    throw UsageError(fmt::format("{}: needs a value", display_name(options_[*find(optopt)])));
  }
  const auto option = find(found);
  if (found >= kFirstLongOnly) refuse_foreign_beginning(argv_[at], options_[*option]);
  return Word{.option = option, .text = optarg};
}

void Words::throw_unknown() const {
  // A long option that takes no value, or a letter that does not exist, or no option at all.
  if (const auto known = find(optopt); known && optopt >= kFirstLongOnly) {
    refuse_foreign_beginning(argv_[optind - 1], options_[*known]);
    throw UsageError(fmt::format("{}: takes no value", display_name(options_[*known])));
  }
  // getopt stays at a word of letters until it has dealt with the last one.
  const bool is_letter = optopt > 0 && optopt < kFirstLongOnly;
  const char* next = optind < argc_ ? argv_[optind] : "";
  const std::string_view word = argv_[optind - 1];
  if (!is_letter) throw UsageError(unknown_name_text(word, options_, foreign_));
  const auto letter = static_cast<char>(optopt);
  const bool is_last =
      word.size() > 1 && word[0] == '-' && word[1] != '-' && word.ends_with(letter);
  throw UsageError(
      unknown_letter_text(letter, is_last ? word : next, is_last ? next : "", options_, foreign_));
}

std::optional<std::vector<std::string>> Words::take_until(std::string_view end) {
  std::vector<std::string> words;
  while (optind < argc_) {
    const std::string word = argv_[optind++];
    if (word == end) return words;
    words.push_back(word);
  }
  return std::nullopt;
}

}  // namespace qcow2stream::cli
