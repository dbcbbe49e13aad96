// SPDX-License-Identifier: GPL-2.0-or-later
//
// What an input of the planner's fuzzer means: the options of an image, and what each cluster of a
// disk is, in the order in which a survey would find out.

#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "plan/cluster_map.h"
#include "qcow2stream/options.h"

namespace qcow2stream::fuzz {

inline void require(bool good, const std::string& what) {
  if (!good) throw std::runtime_error(what);
}

// Bytes, then zeros for ever.
class Input {
 public:
  explicit Input(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}
  [[nodiscard]] bool at_end() const { return at_ >= bytes_.size(); }
  std::uint8_t byte() { return at_end() ? std::uint8_t{0} : bytes_[at_++]; }
  // Two bytes: any number up to 255, then ever fewer of them, up to 130560.
  std::uint64_t number() {
    const std::uint64_t low = byte();
    const unsigned shift = byte() % 10U;
    return low << shift;
  }

 private:
  std::span<const std::uint8_t> bytes_;
  std::size_t at_ = 0;
};

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
