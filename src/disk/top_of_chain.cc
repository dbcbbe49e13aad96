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
  const std::string why =
      boundaries % cluster_size == 0
          ? "all of the disk is asked for"
          : fmt::format("the top image holds parts of clusters of {} bytes", cluster_size);
  Error cannot(ErrorKind::kFailed, name, "cannot be read alone",
               fmt::format("{}, and its backing file cannot be opened: {}", why, reason));
  cannot.about(ErrorSubject::kDisk);
  const std::uint64_t largest = boundaries & ~(boundaries - 1);
  if (boundaries % cluster_size != 0 && largest >= kSmallestCluster)
    cannot.advise(Advice::kSmallerClusters, largest);
  throw cannot;
}

}  // namespace qcow2stream
