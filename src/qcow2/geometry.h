// SPDX-License-Identifier: GPL-2.0-or-later
//
// What follows from the cluster size, the refcount width and the version alone.

#pragma once

#include <cstdint>

#include "base/bits.h"
#include "qcow2/limits.h"
#include "qcow2stream/types.h"

namespace qcow2stream::qcow2 {

struct Geometry {
  unsigned cluster_bits = 16;   // kMinClusterBits..kMaxClusterBits
  unsigned refcount_order = 4;  // 0..kMaxRefcountOrder
  unsigned version = 3;         // 2 or 3
  bool extended_l2 = false;     // version 3, kMinExtendedL2ClusterBits and more

  [[nodiscard]] constexpr std::uint64_t cluster_size() const { return 1ULL << cluster_bits; }
  [[nodiscard]] constexpr unsigned refcount_bits() const { return 1U << refcount_order; }

  // How many bytes an L2 entry takes, and how many entries one cluster of the table has.
  [[nodiscard]] constexpr std::uint64_t l2_entry_size() const { return extended_l2 ? 16 : 8; }
  [[nodiscard]] constexpr std::uint64_t l2_entries() const {
    return cluster_size() / l2_entry_size();
  }
  [[nodiscard]] constexpr std::uint64_t refcounts_per_block() const {
    return cluster_size() * 8 / refcount_bits();
  }

  [[nodiscard]] constexpr ClusterCount clusters_for(std::uint64_t bytes) const {
    return div_up(bytes, cluster_size());
  }
  [[nodiscard]] constexpr GuestOffset offset(GuestCluster c) const {
    return GuestOffset(c.value() << cluster_bits);
  }
  [[nodiscard]] constexpr HostOffset offset(HostCluster c) const {
    return HostOffset(c.value() << cluster_bits);
  }
  [[nodiscard]] constexpr GuestCluster cluster(GuestOffset o) const {
    return GuestCluster(o.value() >> cluster_bits);
  }
  [[nodiscard]] constexpr HostCluster cluster(HostOffset o) const {
    return HostCluster(o.value() >> cluster_bits);
  }

  friend bool operator==(const Geometry&, const Geometry&) = default;
};

}  // namespace qcow2stream::qcow2
