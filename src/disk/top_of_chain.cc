// SPDX-License-Identifier: GPL-2.0-or-later

#include "disk/top_of_chain.h"

#include <fmt/format.h>

#include <optional>

#include "qcow2stream/error.h"

namespace qcow2stream {
namespace {

// qcow2's own limit (specification, cluster_bits).
constexpr std::uint64_t kSmallestCluster = 512;

}  // namespace

std::uint64_t boundaries(const Changes& changes) {
  std::uint64_t all = 0;
  std::optional<bool> held_before;
  const auto cursor = changes.runs();
  while (const auto change = cursor->next()) {
    const bool held = change->holds != Run::Holds::kBelow;
    if (held_before && held != *held_before) all |= change->range.begin.value();
    held_before = held;
  }
  return all;
}

void throw_needs_chain(const std::string& name, std::uint64_t boundaries,
                       std::uint64_t cluster_size, const std::string& reason) {
  Error cannot(ErrorKind::kFailed, name, "cannot be read alone",
               fmt::format("the top image holds parts of clusters of {} bytes, and its backing "
                           "file cannot be opened: {}",
                           cluster_size, reason));
  cannot.about(ErrorSubject::kDisk);
  const std::uint64_t largest = boundaries & ~(boundaries - 1);
  if (largest >= kSmallestCluster) cannot.advise(Advice::kSmallerClusters, largest);
  throw cannot;
}

}  // namespace qcow2stream
