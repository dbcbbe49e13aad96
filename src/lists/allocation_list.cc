// SPDX-License-Identifier: GPL-2.0-or-later

#include "lists/allocation_list.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "lists/list_reader.h"

namespace qcow2stream {
namespace {

// A range with `data` false and `zero` false is not known to be zeros. QEMU also shows the dirty
// blocks of a bitmap (x-dirty-bitmap) in that way, which have nothing to do with allocation; before
// QEMU 6.1 they have no `present`.
bool qemu_img_zeros(const ListEntry& entry, const std::string& name) {
  if (*entry.zero) return true;
  if (!entry.present.value_or(*entry.data)) {
    refuse_entry(
        name, entry,
        "neither present nor zeros: this is a dirty bitmap (x-dirty-bitmap), which does not say "
        "what is allocated");
  }
  return false;
}

// Goes by the words, since the same numbers mean something else in a bitmap. A hole that is not
// called zero may hold anything.
bool nbdinfo_zeros(const ListEntry& entry, const std::string& name) {
  struct Word {
    std::string_view description;
    std::uint64_t type;  // NBD_STATE_HOLE = 1, NBD_STATE_ZERO = 2
  };
  constexpr Word kWords[] = {{"data", 0}, {"hole", 1}, {"zero", 2}, {"hole,zero", 3}};

  if (!entry.description)
    refuse_entry(name, entry, "has no description, so its type may mean anything");
  const std::string& description = *entry.description;
  if (description == "clean" || description == "dirty") {
    refuse_entry(name, entry,
                 fmt::format("'{}' is of a dirty bitmap, which does not say what is allocated",
                             description));
  }
  const auto* const word = std::ranges::find(kWords, description, &Word::description);
  if (word == std::end(kWords)) {
    refuse_entry(name, entry,
                 fmt::format("'{}' is not of base:allocation", description.substr(0, 40)));
  }
  if (entry.type.value_or(word->type) != word->type) {
    refuse_entry(name, entry, fmt::format("type {} is not '{}'", *entry.type, description));
  }
  return (word->type & 2) != 0;
}

}  // namespace

bool reads_as_zeros(const ListEntry& entry, const std::string& name) {
  switch (entry.form) {
    case ListForm::kQemuImg:
      return qemu_img_zeros(entry, name);
    case ListForm::kRbd:
      return !*entry.exists;
    case ListForm::kNbdInfo:
      return nbdinfo_zeros(entry, name);
    case ListForm::kClusters:
    case ListForm::kPlain:
      return false;
  }
  return false;
}

std::shared_ptr<const ClusterMap> read_allocation_list(const std::string& path, const Disk& disk,
                                                       const qcow2::Geometry& geometry) {
  const auto kind_of = [](const ListEntry& entry, const std::string& name) {
    return reads_as_zeros(entry, name) ? Run::Holds::kBelow : Run::Holds::kData;
  };
  return read_list(path, disk, geometry, {.kind_of = kind_of, .must_be_complete = true});
}

}  // namespace qcow2stream
