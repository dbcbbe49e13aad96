// SPDX-License-Identifier: GPL-2.0-or-later

#include "leave_out/unused_units.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <utility>

#include "base/bits.h"

namespace qcow2stream {
namespace {

class RunsOfUnits final : public RunCursor {
 public:
  RunsOfUnits(std::shared_ptr<const ClusterMap> units, std::uint64_t disk_size)
      : units_(std::move(units)), end_(disk_size) {}

  std::optional<Run> next() override {
    if (at_ == units_->end()) return std::nullopt;
    const GuestOffset begin = units_->geometry().offset(at_);
    const GuestCluster unused = units_->next_mapped(at_);
    const bool is_unused = unused == at_;
    at_ = is_unused ? units_->next_other(*units_->kind_of(at_), at_) : unused;
    const GuestOffset end = std::min(units_->geometry().offset(at_), end_);
    return Run{.range = {begin, end - begin}, .holds = data_or_zeros(!is_unused)};
  }

 private:
  std::shared_ptr<const ClusterMap> units_;
  const GuestOffset end_;
  GuestCluster at_;
};

}  // namespace

qcow2::Geometry geometry_of_units(std::uint64_t unit) {
  assert(std::has_single_bit(unit));
  return {.cluster_bits = static_cast<unsigned>(std::countr_zero(unit))};
}

UnusedUnits::UnusedUnits(std::uint64_t disk_size, std::uint64_t unit)
    : geometry_(geometry_of_units(unit)),
      disk_end_(disk_size),
      units_(geometry_, geometry_.clusters_for(disk_size)) {}

void UnusedUnits::add(GuestRange run, LeftOutKind kind) {
  assert(run.begin <= disk_end_ && run.length <= disk_end_ - run.begin);
  if (kind == last_kind_ && last_.length > 0) {
    if (last_.end() == run.begin) {
      last_.length += run.length;
      return;
    }
    if (run.end() == last_.begin) {
      last_ = {run.begin, run.length + last_.length};
      return;
    }
  }
  mark_last();
  last_ = run;
  last_kind_ = kind;
}

// The last unit of the disk may be cut off there.
void UnusedUnits::mark_last() {
  if (last_.length == 0) return;
  const std::uint64_t unit = geometry_.cluster_size();
  const std::uint64_t first = div_up(last_.begin.value(), unit);
  const bool to_the_end = last_.end() == disk_end_;
  const std::uint64_t end =
      to_the_end ? geometry_.clusters_for(disk_end_.value()) : last_.end().value() / unit;
  last_ = {};
  if (first >= end) return;
  units_.mark(last_kind_ == LeftOutKind::kFree ? ClusterKind::kData : ClusterKind::kZero,
              GuestCluster(first), end - first);
}

std::shared_ptr<const ClusterMap> UnusedUnits::finish() {
  mark_last();
  return units_.finish();
}

void copy_units(const ClusterMap& from, ClusterKind kind, ClusterMapBuilder& to) {
  GuestCluster at = from.next(kind, GuestCluster(0));
  while (at < from.end()) {
    const GuestCluster end = from.next_other(kind, at);
    to.mark(kind, at, end - at);
    at = from.next(kind, end);
  }
}

std::uint64_t bytes_of_units(const ClusterMap& units, ClusterKind kind, std::uint64_t disk_size) {
  std::uint64_t bytes = units.count(kind) << units.geometry().cluster_bits;
  const std::uint64_t all = units.guest_clusters() << units.geometry().cluster_bits;
  if (units.guest_clusters() > 0 && units.kind_of(units.end() - 1) == kind) {
    bytes -= all - disk_size;
  }
  return bytes;
}

std::unique_ptr<RunCursor> runs_of_units(std::shared_ptr<const ClusterMap> units,
                                         std::uint64_t disk_size) {
  return std::make_unique<RunsOfUnits>(std::move(units), disk_size);
}

}  // namespace qcow2stream
