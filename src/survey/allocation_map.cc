// SPDX-License-Identifier: GPL-2.0-or-later
//
// Runs go into a ClusterMap as they are read, so what a map costs is about a bit a cluster, however
// many entries it has. What else is checked about them: map_coverage.h.

#include "survey/allocation_map.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "plan/layout.h"
#include "qcow2stream/error.h"
#include "survey/map_coverage.h"

namespace qcow2stream {
namespace {

[[noreturn]] void refuse(const std::string& name, const MapEntry& entry,
                         const std::string& reason) {
  throw Error(ErrorKind::kFailed, name, entry.place(), reason).at(entry.range.begin.value());
}

// `data` false with `zero` false is not known to be zeros. It is also how QEMU shows the dirty
// blocks of a bitmap (x-dirty-bitmap), which have nothing to do with allocation; before QEMU 6.1
// without `present`.
bool qemu_img_zeros(const MapEntry& entry, const std::string& name) {
  if (*entry.zero) return true;
  if (!entry.present.value_or(*entry.data)) {
    refuse(name, entry,
           "neither present nor zeros: this is a dirty bitmap (x-dirty-bitmap), which does not say "
           "what is allocated");
  }
  return false;
}

// By the words: in a bitmap the same numbers mean something else. A hole that is not called zero
// may hold anything.
bool nbdinfo_zeros(const MapEntry& entry, const std::string& name) {
  struct Word {
    std::string_view description;
    std::uint64_t type;  // NBD_STATE_HOLE = 1, NBD_STATE_ZERO = 2
  };
  constexpr Word kWords[] = {{"data", 0}, {"hole", 1}, {"zero", 2}, {"hole,zero", 3}};

  if (!entry.description) refuse(name, entry, "has no description, so its type may mean anything");
  const std::string& description = *entry.description;
  if (description == "clean" || description == "dirty") {
    refuse(name, entry,
           fmt::format("'{}' is of a dirty bitmap, which does not say what is allocated",
                       description));
  }
  const auto* const word = std::ranges::find(kWords, description, &Word::description);
  if (word == std::end(kWords)) {
    refuse(name, entry, fmt::format("'{}' is not of base:allocation", description.substr(0, 40)));
  }
  if (entry.type.value_or(word->type) != word->type) {
    refuse(name, entry, fmt::format("type {} is not '{}'", *entry.type, description));
  }
  return (word->type & 2) != 0;
}

// One reading of a map.
class Allocation {
 public:
  Allocation(const std::string& name, const Disk& disk, const qcow2::Geometry& geometry,
             bool remember)
      : name_(name),
        disk_(disk),
        geometry_(geometry),
        end_(virtual_size_of(disk.size())),
        coverage_(name, end_, remember),
        clusters_(geometry, geometry.clusters_for(end_.value())) {}

  // False where it has to be read again and everything remembered.
  bool add(const MapEntry& entry) {
    const bool zeros = reads_as_zeros(entry, name_);
    GuestRange range = entry.range;
    if (range.end() > end_) {
      // Zeros behind the end change nothing, unless the form promises that there is nothing.
      if (!zeros || is_complete(entry.form)) {
        refuse(name_, entry,
               fmt::format("ends past the end of {} ({} bytes)", disk_.name(), disk_.size()));
      }
      range.begin = std::min(range.begin, end_);
      range.length = std::min(range.length, end_ - range.begin);
    }
    form_ = entry.form;
    if (!coverage_.add(entry, range)) return false;
    if (!zeros && range.length > 0) {
      const GuestCluster first = geometry_.cluster(range.begin);
      clusters_.mark(ClusterKind::kData, first, geometry_.cluster(range.end() - 1) - first + 1);
    }
    return true;
  }

  std::shared_ptr<const ClusterMap> finish() {
    const MapCoverage::Covered covered = coverage_.finish();
    if (form_ && is_complete(*form_)) check_complete(covered);
    return clusters_.finish();
  }

 private:
  // Whether the program always lists the whole disk.
  static bool is_complete(MapForm form) {
    return form == MapForm::kQemuImg || form == MapForm::kNbdInfo;
  }

  void check_complete(const MapCoverage::Covered& covered) const {
    if (covered.gap) {
      throw Error(
          ErrorKind::kFailed, name_,
          fmt::format("offset {}, length {}", covered.gap->begin.value(), covered.gap->length),
          fmt::format("is not listed, and {} lists the whole disk", name_of(*form_)))
          .at(covered.gap->begin.value());
    }
    if (covered.end < GuestOffset(disk_.size())) {
      throw Error(ErrorKind::kFailed, name_, fmt::format("ends at offset {}", covered.end.value()),
                  fmt::format("{} has {} bytes, and {} lists the whole disk", disk_.name(),
                              disk_.size(), name_of(*form_)))
          .at(covered.end.value());
    }
  }

  const std::string& name_;
  const Disk& disk_;
  const qcow2::Geometry& geometry_;
  // Padded: qemu-img counts in blocks of 512 bytes, nbdinfo in bytes.
  GuestOffset end_;
  std::optional<MapForm> form_;
  MapCoverage coverage_;
  ClusterMapBuilder clusters_;
};

class MapExtents final : public ExtentCursor {
 public:
  MapExtents(std::shared_ptr<const ClusterMap> map, std::uint64_t disk_size)
      : map_(std::move(map)), end_(disk_size) {}

  std::optional<Extent> next() override {
    const qcow2::Geometry& geometry = map_->geometry();
    if (at_ == map_->end()) return std::nullopt;
    const GuestCluster data = map_->next(ClusterKind::kData, at_);
    const bool is_data = data == at_;
    const GuestOffset begin = geometry.offset(at_);
    at_ = is_data ? map_->next_other(ClusterKind::kData, at_) : data;
    const GuestOffset end = std::min(geometry.offset(at_), end_);
    return Extent{.range = {begin, end - begin}, .data = is_data};
  }

 private:
  std::shared_ptr<const ClusterMap> map_;
  GuestCluster at_;
  GuestOffset end_;
};

}  // namespace

bool reads_as_zeros(const MapEntry& entry, const std::string& name) {
  switch (entry.form) {
    case MapForm::kQemuImg:
      return qemu_img_zeros(entry, name);
    case MapForm::kRbd:
      return !*entry.exists;
    case MapForm::kNbdInfo:
      return nbdinfo_zeros(entry, name);
    case MapForm::kPlain:
      return false;
  }
  return false;
}

std::shared_ptr<const ClusterMap> read_allocation_map(const std::string& path, const Disk& disk,
                                                      const qcow2::Geometry& geometry) {
  MapFile file(path);
  const auto read = [&](bool remember) -> std::shared_ptr<const ClusterMap> {
    Allocation allocation(file.name(), disk, geometry, remember);
    const bool complete = file.read([&](const MapEntry& entry) { return allocation.add(entry); });
    return complete ? allocation.finish() : nullptr;
  };
  if (auto map = read(!file.can_rewind())) return map;
  file.rewind();
  return read(true);
}

std::unique_ptr<ExtentCursor> extents_of(std::shared_ptr<const ClusterMap> map,
                                         std::uint64_t disk_size) {
  return std::make_unique<MapExtents>(std::move(map), disk_size);
}

}  // namespace qcow2stream
