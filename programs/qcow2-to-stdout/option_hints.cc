// SPDX-License-Identifier: GPL-2.0-or-later
//
// First what other programs call it (qemu-img's options and what it takes behind -o, nbdcopy's,
// those of the usual tools), then the name that is spelled most alike.

#include "qcow2-to-stdout/option_hints.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "qcow2-to-stdout/option_table.h"

namespace qcow2stream::cli {
namespace {

struct ForeignName {
  std::string_view name;
  std::string_view ours;  // as it is typed, or what there is instead
};

constexpr auto kForeignNames = std::to_array<ForeignName>({
    {"output=json", "--measure=json"},
    {"output=human", "--measure"},
    {"output", "--measure=json, or > FILE for the image"},
    {"output-format", "the output is always qcow2"},
    {"image-opts", "--blockdev"},
    {"backing", "--backing-file"},
    {"backing-fmt", "--backing-format"},
    {"compat", "--qcow2-version"},
    {"compression-type", "--compress=zlib or --compress=zstd"},
    {"compression", "--compress"},
    {"preallocation", "--scan none"},
    {"format", "--input-format"},
    {"source-format", "--input-format"},
    {"sparse", "--scan"},
    {"coroutines", "--threads"},
    {"workers", "--threads"},
    {"skip", "--offset"},
    {"resume", "--if-match and --offset"},
    {"continue", "--if-match and --offset"},
    {"bytes", "--length"},
    {"checksum", "--digest"},
    {"hash", "--digest"},
    {"json", "--measure=json"},
    {"info", "--measure"},
    {"human", "--measure=human"},
    {"force", "--force-share"},
    {"silent", "--quiet"},
    {"bitmap", "--dirty-bitmap"},
    {"tmpdir", "--spool-dir"},
    {"fsync", "--flush"},
    {"sync", "--flush"},
});

// What qemu-img's options are here, for those that have a letter.
struct ForeignLetter {
  char letter;
  std::string_view text;
};

constexpr auto kForeignLetters = std::to_array<ForeignLetter>({
    {'O', "the output is always qcow2"},
    {'o', "use -c, -r and -v for what qemu-img takes as -o"},
    {'W', "writes are in order; --threads sets how many read"},
    {'m', "use --threads"},
    {'S', "use --scan"},
});

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

template <class Function>
void for_each_name(const Function& function) {
  for (const OptionGroup& group : option_groups()) {
    for (const OptionSpec& spec : group.options) {
      if (!spec.name.empty()) function(spec.name);
    }
  }
}

std::string foreign_name(std::string_view word, std::string_view name) {
  const std::size_t equals = word.find('=');
  const std::string with_value =
      std::string(name) + std::string(equals == std::string_view::npos ? "" : word.substr(equals));
  for (const std::string_view wanted : {std::string_view(with_value), name}) {
    const auto* const found = std::ranges::find(kForeignNames, wanted, &ForeignName::name);
    if (found != kForeignNames.end()) return std::string(found->ours);
  }
  return "";
}

// Nothing where two are equally near: a guess would be wrong half of the time.
std::string nearest_name(std::string_view name) {
  if (name.empty() || name.size() > kLongestName) return "";
  std::string_view nearest;
  std::size_t least = most_slips(name) + 1;
  for_each_name([&](std::string_view known) {
    const std::size_t slips = distance(name, known);
    if (slips == least) nearest = {};
    if (slips < least) {
      least = slips;
      nearest = known;
    }
  });
  return nearest.empty() || least > most_slips(name) ? "" : fmt::format("--{}", nearest);
}

std::vector<std::string> names_that_begin_with(std::string_view beginning) {
  std::vector<std::string> names;
  for_each_name([&](std::string_view known) {
    if (known.starts_with(beginning)) names.push_back(fmt::format("--{}", known));
  });
  return names;
}

std::string with_hint(std::string_view word, std::string_view ours) {
  if (!ours.starts_with("--")) return fmt::format("{}: unknown option; {}", word, ours);
  return fmt::format("{}: unknown option; did you mean {}?", word, ours);
}

std::string meant(std::string_view word) {
  const std::string name = plain_name(word);
  std::string ours = foreign_name(word, name);
  return ours.empty() ? nearest_name(name) : ours;
}

}  // namespace

std::string unknown_name_text(std::string_view word) {
  const std::string_view name = word.substr(0, word.find('='));
  if (name.starts_with("--")) {
    const auto names = names_that_begin_with(name.substr(2));
    if (names.size() > 1 && name.size() > 2) {
      return fmt::format("{}: is ambiguous: {}", word, fmt::join(names, ", "));
    }
  }
  const std::string ours = meant(word);
  return with_hint(word, ours.empty() ? "see --help" : ours);
}

std::string unknown_letter_text(char letter, std::string_view word, std::string_view next) {
  // "-measure", as other programs write long options.
  if (word.size() > 3 && word.find('=') != 2) {
    const std::string ours = meant(word);
    if (!ours.empty()) return with_hint(word, ours);
  }
  // "-o cluster_size=64k": each of these has an option of its own.
  const std::string_view value = word.size() > 2 && word[1] == letter ? word.substr(2) : next;
  if (letter == 'o' && value.find('=') != std::string_view::npos) {
    const std::string ours = meant(value.substr(0, value.find('=')));
    if (ours.starts_with("--") && ours.find(' ') == std::string::npos) {
      return fmt::format("-o: unknown option; use {} for what qemu-img takes as -o", ours);
    }
  }
  const auto* const foreign = std::ranges::find(kForeignLetters, letter, &ForeignLetter::letter);
  return fmt::format("-{}: unknown option; {}", letter,
                     foreign == kForeignLetters.end() ? "see --help" : foreign->text);
}

}  // namespace qcow2stream::cli
