// SPDX-License-Identifier: GPL-2.0-or-later
//
// Compares the reference counts of a streamed image with what refers to its clusters, as
// `qemu-img check` does (specification: "Host cluster management").

#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "qcow2/geometry.h"
#include "qcow2stream/types.h"

namespace qcow2stream {

// Belongs to one thread. Takes two bytes of memory for each cluster that is referred to, and for
// the counts about what they take in the image, compressed.
class ReferenceCounts {
 public:
  ReferenceCounts(const qcow2::Geometry& geometry, std::string name);

  // Something refers to each cluster of `range`, which has arrived or is just arriving.
  void add(HostRange range);
  // Counts of the clusters from `first` on, of which there are whole bytes, as a refcount block has
  // them.
  void add_counts(HostCluster first, std::span<const std::byte> bytes);

  // The image has `length` bytes. Throws Error{kDamaged} for a cluster with a count that is too
  // low; returns how many have one that is too high.
  [[nodiscard]] std::uint64_t compare(std::uint64_t length) const;

 private:
  struct Counts {
    std::uint64_t size = 0;  // bytes
    std::vector<std::byte> encoded;
  };

  [[nodiscard]] std::uint64_t count_at(std::span<const std::byte> bytes, std::uint64_t index) const;
  [[nodiscard]] std::uint64_t references_to(std::uint64_t cluster) const;
  void compare_from(std::uint64_t cluster, std::uint64_t end) const;
  [[noreturn]] void throw_too_low(std::uint64_t cluster, std::uint64_t count) const;

  qcow2::Geometry geometry_;
  std::string name_;
  // The highest number stands for itself and all above it.
  std::vector<std::uint16_t> references_;
  std::map<std::uint64_t, Counts> counts_;  // by the first cluster
};

}  // namespace qcow2stream
