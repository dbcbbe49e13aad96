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
#include "restore/references.h"

namespace qcow2stream {

// Belongs to one thread. Takes two bytes and two bits of memory for each cluster that is referred
// to, and for the counts about what they take in the image, compressed.
class ReferenceCounts {
 public:
  ReferenceCounts(const qcow2::Geometry& geometry, std::string name);

  // Something refers, `times` times, to each cluster of `range`, which has arrived or is just
  // arriving, or is of the image for another reason.
  void add(HostRange range, Reference::Claim claim = Reference::Claim::kNone,
           std::uint64_t times = 1);
  // Counts of the clusters from `first` on, of which there are whole bytes, as a refcount block has
  // them.
  void add_counts(HostCluster first, std::span<const std::byte> bytes);

  struct Comparison {
    std::uint64_t too_high = 0;  // clusters with a count that is higher than it needs to be
    std::uint64_t end = 0;       // of the last cluster with a reference or a count, in bytes
  };
  // The image has `length` bytes. Throws Error{kDamaged} for a cluster with a count that is too
  // low, or that does not go with what is claimed.
  [[nodiscard]] Comparison compare(std::uint64_t length) const;

 private:
  struct Counts {
    std::uint64_t size = 0;  // bytes
    std::vector<std::byte> encoded;
  };

  [[nodiscard]] std::uint64_t count_at(std::span<const std::byte> bytes, std::uint64_t index) const;
  [[nodiscard]] std::uint64_t references_to(std::uint64_t cluster) const;
  void compare_from(std::uint64_t cluster, std::uint64_t end) const;
  void compare_one(std::uint64_t cluster, std::uint64_t count) const;
  [[noreturn]] void throw_too_low(std::uint64_t cluster, std::uint64_t count) const;

  qcow2::Geometry geometry_;
  std::string name_;
  // The highest number stands for itself and all above it.
  std::vector<std::uint16_t> references_;
  std::vector<bool> only_one_;              // clusters of which that is claimed
  std::vector<bool> one_of_several_;        // and these
  std::map<std::uint64_t, Counts> counts_;  // by the first cluster
};

}  // namespace qcow2stream
