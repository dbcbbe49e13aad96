// SPDX-License-Identifier: GPL-2.0-or-later
//
// Runs go into a ClusterMap as they are read, so a list costs about a bit of memory a cluster,
// however many entries it has. What else is checked about its entries stands in list_coverage.h.

#include "lists/list_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "layout/layout.h"
#include "lists/cluster_marker.h"
#include "lists/list_coverage.h"
#include "qcow2stream/error.h"

namespace qcow2stream {
namespace {

// One reading of a list, from its first entry to its last.
class ListReading {
 public:
  ListReading(const std::string& name, const Disk& disk, const qcow2::Geometry& geometry,
              const ListQuestion& question, bool remember)
      : name_(name),
        disk_(disk),
        question_(question),
        end_(virtual_size_of(disk.size())),
        coverage_(name, end_, remember),
        clusters_(geometry, end_) {}

  // False if the list has to be read again, by a reading that remembers all entries.
  bool add(const ListEntry& entry) {
    // qemu-img lists an empty disk as one entry without a byte, neither present nor zeros.
    const Run::Holds kind =
        entry.range.length > 0 ? question_.kind_of(entry, name_) : Run::Holds::kBelow;
    GuestRange range = entry.range;
    if (range.end() > end_ && range.end() - end_ < entry.unit) range.length -= range.end() - end_;
    if (range.end() > end_) {
      // Zeros behind the end change nothing, unless the form promises that there is nothing.
      if (kind == Run::Holds::kData || is_complete(entry.form)) {
        refuse_entry(name_, entry,
                     fmt::format("ends past the end of {} ({} bytes)", disk_.name(), disk_.size()));
      }
      range.begin = std::min(range.begin, end_);
      range.length = std::min(range.length, end_ - range.begin);
    }
    form_ = entry.form;
    if (!coverage_.add(entry, range)) return false;
    clusters_.add(range, kind);
    return true;
  }

  std::shared_ptr<const ClusterMap> finish() {
    const ListCoverage::Covered covered = coverage_.finish();
    if (form_ && is_complete(*form_)) check_complete(covered);
    return clusters_.finish();
  }

 private:
  // Whether the program always lists the whole disk.
  [[nodiscard]] bool is_complete(ListForm form) const {
    return question_.must_be_complete && (form == ListForm::kQemuImg || form == ListForm::kNbdInfo);
  }

  void check_complete(const ListCoverage::Covered& covered) const {
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
  const ListQuestion question_;
  // The end of the disk, rounded up to 512 bytes: qemu-img counts in such blocks, nbdinfo in bytes.
  GuestOffset end_;
  std::optional<ListForm> form_;
  ListCoverage coverage_;
  ClusterMarker clusters_;
};

}  // namespace

void refuse_entry(const std::string& name, const ListEntry& entry, const std::string& reason,
                  Advice advice) {
  throw Error(ErrorKind::kFailed, name, entry.place(), reason)
      .at(entry.range.begin.value())
      .about(ErrorSubject::kList)
      .advise(advice);
}

std::shared_ptr<const ClusterMap> read_list(const std::string& path, const Disk& disk,
                                            const qcow2::Geometry& geometry,
                                            const ListQuestion& question) {
  ListFile file(path);
  const auto read = [&](bool remember) -> std::shared_ptr<const ClusterMap> {
    ListReading reading(file.name(), disk, geometry, question, remember);
    const bool complete = file.read([&](const ListEntry& entry) { return reading.add(entry); });
    return complete ? reading.finish() : nullptr;
  };
  if (auto map = read(!file.can_rewind())) return map;
  file.rewind();
  return read(true);
}

}  // namespace qcow2stream
