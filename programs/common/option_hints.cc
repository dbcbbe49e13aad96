// SPDX-License-Identifier: GPL-2.0-or-later
//
// First what other programs call it, then the name that is spelled most alike.

#include "common/option_hints.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace qcow2stream::cli {
namespace {

// "--Cluster_Size=4k" is "cluster-size".
std::string plain_name(std::string_view word) {
  word.remove_prefix(std::min(word.find_first_not_of('-'), word.size()));
  std::string name(word.substr(0, word.find('=')));
  for (char& c : name) {
    if (c == '_') c = '-';
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return name;
}

// Letters to be put in, left out, replaced, or exchanged with the next one.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> d(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) {
    for (std::size_t j = 0; j <= b.size(); ++j) {
      if (i == 0 || j == 0) {
        d[i][j] = i + j;
        continue;
      }
      const std::size_t other = a[i - 1] == b[j - 1] ? 0 : 1;
      d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + other});
      const bool exchanged = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (exchanged) d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
    }
  }
  return d[a.size()][b.size()];
}

// Two slips, and one in a word of a few letters, which is soon like any other.
std::size_t most_slips(std::string_view name) {
  return name.size() < 6 ? 1 : 2;
}

// Longer ones are nothing that somebody has mistyped.
constexpr std::size_t kLongestName = 40;

using Options = std::span<const OptionSpec>;

std::string foreign_name(std::string_view word, std::string_view name,
                         const ForeignOptions& foreign) {
  const std::size_t equals = word.find('=');
  const std::string with_value =
      std::string(name) + std::string(equals == std::string_view::npos ? "" : word.substr(equals));
  for (const std::string_view wanted : {std::string_view(with_value), name}) {
    const auto found = std::ranges::find(foreign.names, wanted, &ForeignName::name);
    if (found != foreign.names.end()) return std::string(found->ours);
  }
  return "";
}

// Nothing where two are equally near: a guess would be wrong half of the time.
std::string nearest_name(std::string_view name, Options options) {
  if (name.empty() || name.size() > kLongestName) return "";
  std::string_view nearest;
  std::size_t least = most_slips(name) + 1;
  for (const OptionSpec& spec : options) {
    if (spec.name.empty()) continue;
    const std::size_t slips = distance(name, spec.name);
    if (slips == least) nearest = {};
    if (slips < least) {
      least = slips;
      nearest = spec.name;
    }
  }
  return nearest.empty() || least > most_slips(name) ? "" : fmt::format("--{}", nearest);
}

std::vector<std::string> names_that_begin_with(std::string_view beginning, Options options) {
  std::vector<std::string> names;
  for (const OptionSpec& spec : options) {
    const bool fits = !spec.name.empty() && spec.name.starts_with(beginning);
    if (fits) names.push_back(fmt::format("--{}", spec.name));
  }
  return names;
}

std::string with_hint(std::string_view word, std::string_view ours) {
  if (!ours.starts_with("--")) return fmt::format("{}: unknown option; {}", word, ours);
  return fmt::format("{}: unknown option; did you mean {}?", word, ours);
}

std::string meant(std::string_view word, Options options, const ForeignOptions& foreign) {
  const std::string name = plain_name(word);
  std::string ours = foreign_name(word, name, foreign);
  return ours.empty() ? nearest_name(name, options) : ours;
}

}  // namespace

bool is_foreign(std::string_view name, const ForeignOptions& foreign) {
  return !foreign_name(name, plain_name(name), foreign).empty();
}

std::string unknown_name_text(std::string_view word, std::span<const OptionSpec> options,
                              const ForeignOptions& foreign) {
  const std::string_view name = word.substr(0, word.find('='));
  if (name.starts_with("--")) {
    const auto names = names_that_begin_with(name.substr(2), options);
    if (names.size() > 1 && name.size() > 2) {
      return fmt::format("{}: is ambiguous: {}", word, fmt::join(names, ", "));
    }
  }
  const std::string ours = meant(word, options, foreign);
  return with_hint(word, ours.empty() ? "see --help" : ours);
}

std::string unknown_letter_text(char letter, std::string_view word, std::string_view next,
                                std::span<const OptionSpec> options,
                                const ForeignOptions& foreign) {
  // "-measure", as other programs write long options.
  if (word.size() > 3 && word.find('=') != 2) {
    const std::string ours = meant(word, options, foreign);
    if (!ours.empty()) return with_hint(word, ours);
  }
  // "-o cluster_size=64k": each of these has an option of its own.
  const std::string_view value = word.size() > 2 && word[1] == letter ? word.substr(2) : next;
  if (letter == 'o' && value.find('=') != std::string_view::npos) {
    const std::string ours = meant(value.substr(0, value.find('=')), options, foreign);
    if (ours.starts_with("--") && ours.find(' ') == std::string::npos) {
      return fmt::format("-o: unknown option; use {} for what qemu-img takes as -o", ours);
    }
  }
  const auto known = std::ranges::find(foreign.letters, letter, &ForeignLetter::letter);
  return fmt::format("-{}: unknown option; {}", letter,
                     known == foreign.letters.end() ? "see --help" : known->text);
}

}  // namespace qcow2stream::cli
