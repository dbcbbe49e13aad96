// SPDX-License-Identifier: GPL-2.0-or-later
//
// What was found of a disk, once it is known: by the confined program, or by a survey long ago.

#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "layout/cluster_map.h"
#include "leave_out/unused_units.h"
#include "qcow2stream/leave_out.h"

namespace qcow2stream {

class FoundLeftOut final : public LeftOut {
 public:
  struct Parts {
    std::uint64_t disk_size = 0;
    std::shared_ptr<const ClusterMap> units;  // those of any kind are left out; not null
    std::vector<ExaminedVolume> volumes;
    std::vector<HeldRange> rests_on;
  };

  explicit FoundLeftOut(Parts parts) : parts_(std::move(parts)) {}

  [[nodiscard]] std::unique_ptr<RunCursor> runs() const override {
    return runs_of_units(parts_.units, parts_.disk_size);
  }
  [[nodiscard]] std::uint64_t disk_size() const override { return parts_.disk_size; }
  [[nodiscard]] std::uint64_t unit() const override {
    return parts_.units->geometry().cluster_size();
  }
  [[nodiscard]] const std::vector<ExaminedVolume>& volumes() const override {
    return parts_.volumes;
  }
  [[nodiscard]] std::span<const HeldRange> rests_on() const override { return parts_.rests_on; }

 private:
  const Parts parts_;
};

}  // namespace qcow2stream
