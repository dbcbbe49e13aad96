// SPDX-License-Identifier: GPL-2.0-or-later

#include "disk/qcow2/snapshot_choice.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string_view>

#include "qcow2stream/error.h"

namespace qcow2stream {
namespace {

using qcow2::Snapshot;

constexpr std::string_view kById = "snapshot.id=";
constexpr std::string_view kByName = "snapshot.name=";

// What is said with keywords; nothing where a word is no such.
struct Keywords {
  std::optional<std::string_view> id;
  std::optional<std::string_view> name;
};

std::optional<Keywords> keywords_of(std::string_view text) {
  Keywords keywords;
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(','));
    text.remove_prefix(std::min(text.size(), word.size() + 1));
    if (word.starts_with(kById)) {
      keywords.id = word.substr(kById.size());
    } else if (word.starts_with(kByName)) {
      keywords.name = word.substr(kByName.size());
    } else {
      return std::nullopt;
    }
  }
  return keywords;
}

const Snapshot* find(std::span<const Snapshot> snapshots, const Keywords& keywords) {
  const auto found = std::ranges::find_if(snapshots, [&](const Snapshot& snapshot) {
    return (!keywords.id || snapshot.id == *keywords.id) &&
           (!keywords.name || snapshot.name == *keywords.name);
  });
  return found == snapshots.end() ? nullptr : &*found;
}

}  // namespace

Snapshot chosen_snapshot(std::span<const Snapshot> snapshots, const std::string& wanted,
                         const std::string& image) {
  const Snapshot* found = nullptr;
  if (const auto keywords = keywords_of(wanted)) {
    found = find(snapshots, *keywords);
  } else {
    found = find(snapshots, {.id = wanted});
    if (found == nullptr) found = find(snapshots, {.name = wanted});
  }
  if (found != nullptr) return *found;
  std::string all;
  for (const Snapshot& snapshot : snapshots) {
    all += fmt::format("{}{} ({})", all.empty() ? "" : ", ", snapshot.name, snapshot.id);
  }
  throw Error(ErrorKind::kFailed, image, fmt::format("has no snapshot \"{}\"", wanted),
              all.empty() ? "it has none at all" : "it has, with their ids, " + all);
}

}  // namespace qcow2stream
