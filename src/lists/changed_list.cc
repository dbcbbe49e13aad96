// SPDX-License-Identifier: GPL-2.0-or-later

#include "lists/changed_list.h"

#include <fmt/format.h>

#include "lists/list_reader.h"

namespace qcow2stream {
namespace {

Run::Holds qemu_img_change(const ListEntry& entry, const std::string& name) {
  if (!entry.present || !entry.depth) {
    refuse_entry(
        name, entry,
        "does not say whether it is present and in which layer, as qemu-img map does since "
        "QEMU 6.1");
  }
  if (!*entry.present && !*entry.zero) {
    refuse_entry(
        name, entry,
        "neither present nor zeros: this is a dirty bitmap (x-dirty-bitmap), in which it means "
        "the opposite",
        Advice::kDirtyBitmap);
  }
  if (!*entry.present || *entry.depth != 0) return Run::Holds::kBelow;
  return *entry.zero ? Run::Holds::kZeros : Run::Holds::kData;
}

Run::Holds nbdinfo_change(const ListEntry& entry, const std::string& name) {
  const std::string description = entry.description.value_or("");
  if (description == "dirty") return Run::Holds::kData;
  if (description == "clean") return Run::Holds::kBelow;
  refuse_entry(
      name, entry,
      fmt::format("'{}' is not of a dirty bitmap: only 'dirty' and 'clean' say what has changed",
                  description.substr(0, 40)));
}

}  // namespace

Run::Holds change_in(const ListEntry& entry, const std::string& name) {
  switch (entry.form) {
    case ListForm::kQemuImg:
      return qemu_img_change(entry, name);
    case ListForm::kRbd:
      return *entry.exists ? Run::Holds::kData : Run::Holds::kZeros;
    case ListForm::kNbdInfo:
      return nbdinfo_change(entry, name);
    case ListForm::kClusters:
    case ListForm::kPlain:
      return Run::Holds::kData;
  }
  return Run::Holds::kData;
}

std::shared_ptr<const ClusterMap> read_changed_list(const std::string& path, const Disk& disk,
                                                    const qcow2::Geometry& geometry) {
  return read_list(path, disk, geometry, {.kind_of = change_in, .must_be_complete = false});
}

}  // namespace qcow2stream
