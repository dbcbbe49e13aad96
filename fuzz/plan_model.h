// SPDX-License-Identifier: GPL-2.0-or-later
//
// What an input of the planner's fuzzer means: the options of an image, and what each cluster of a
// disk is, in the order in which a survey would find out.

#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "input.h"
#include "layout/cluster_map.h"
#include "qcow2stream/options.h"

namespace qcow2stream::fuzz {

// A run of clusters that was marked. Runs overlap.
struct Run {
  ClusterKind kind;
  std::uint64_t first;
  std::uint64_t count;
};

struct Plan {
  ImageOptions options;
  std::uint64_t missing = 0;  // bytes of the last cluster that the disk does not have
  std::vector<Run> runs;
  // By cluster: the strongest of its marks, and the compressed size.
  std::vector<std::optional<ClusterKind>> kinds;
  std::vector<std::uint32_t> sizes;

  [[nodiscard]] std::uint64_t disk_size() const {
    return kinds.size() * options.cluster_size - missing;
  }
};

Plan read_plan(Input& input);

// What a survey makes of it.
std::shared_ptr<const ClusterMap> map_of(const Plan& plan);

}  // namespace qcow2stream::fuzz
