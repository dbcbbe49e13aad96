// SPDX-License-Identifier: GPL-2.0-or-later
//
// A reader of increments, as simple as can be: follows the tables, takes what is not there from the
// backing file, and counts what is used.

#pragma once

#include <rapidcheck.h>

#include <algorithm>
#include <cstddef>
#include <map>
#include <vector>

#include "base/endian.h"
#include "qcow2/entries.h"
#include "qcow2/header.h"
#include "qcow2/refcounts.h"

namespace qcow2stream::testing {

class IncrementDecoder {
 public:
  // Of an image without compressed clusters and external data. Clusters behind the end of `base`
  // are zeros.
  IncrementDecoder(const std::vector<std::byte>& image, std::vector<std::byte> base)
      : image_(image), header_(qcow2::decode_header(image)), disk_(std::move(base)) {
    const auto& geometry = header_.geometry;
    disk_.resize(header_.virtual_size);
    disk_.resize(geometry.clusters_for(header_.virtual_size) * geometry.cluster_size());
    use(HostOffset(0), 1);
    use(header_.refcount_table_offset, header_.refcount_table_clusters);
    use(header_.l1_offset, geometry.clusters_for(header_.l1_entries * 8));
    for (std::uint64_t i = 0; i < header_.l1_entries; ++i) {
      const std::uint64_t l1 = entry(header_.l1_offset, i);
      if (l1 != 0) take_table(i * geometry.l2_entries(), qcow2::entry_offset(l1));
    }
    disk_.resize(header_.virtual_size);
  }

  [[nodiscard]] const qcow2::Header& header() const { return header_; }
  [[nodiscard]] const std::vector<std::byte>& disk() const { return disk_; }
  [[nodiscard]] std::uint64_t zero_clusters() const { return zero_clusters_; }

  // They say what is used, no more and no less, and bit 63 where that is once.
  void check_refcounts() {
    const auto& geometry = header_.geometry;
    const std::uint64_t per_block = geometry.refcounts_per_block();
    const std::uint64_t clusters = image_.size() / geometry.cluster_size();
    for (std::uint64_t b = 0; b * per_block < clusters; ++b) {
      use(HostOffset(entry(header_.refcount_table_offset, b)), 1);
    }
    for (std::uint64_t i = 0; i < clusters; ++i) {
      const auto block = std::span(image_).subspan(
          entry(header_.refcount_table_offset, i / per_block), geometry.cluster_size());
      RC_ASSERT(qcow2::refcount_at(block, geometry.refcount_order, i % per_block) == used_[i]);
      RC_ASSERT(used_[i] > 0U);
    }
    for (const auto& [cluster, copied] : copied_) RC_ASSERT(copied == (used_[cluster] == 1));
  }

 private:
  [[nodiscard]] std::uint64_t entry(HostOffset table, std::uint64_t index) const {
    return load_big<std::uint64_t>(&image_.at(table.value() + index * 8));
  }

  void use(HostOffset offset, ClusterCount clusters) {
    for (ClusterCount i = 0; i < clusters; ++i) {
      ++used_[(header_.geometry.cluster(offset) + i).value()];
    }
  }

  void take_table(std::uint64_t first, HostOffset table) {
    const auto& geometry = header_.geometry;
    use(table, 1);
    const std::uint64_t words = geometry.l2_entry_size() / 8;
    for (std::uint64_t k = 0; k < geometry.l2_entries(); ++k) {
      const std::uint64_t l2 = entry(table, k * words);
      const std::uint64_t second = words == 2 ? entry(table, k * words + 1) : 0;
      if (l2 != 0 || second != 0) take_cluster(first + k, l2, second);
    }
  }

  void take_cluster(std::uint64_t index, std::uint64_t l2, std::uint64_t second) {
    const auto& geometry = header_.geometry;
    const HostOffset offset = qcow2::entry_offset(l2);
    if (offset.value() != 0) {
      use(offset, 1);
      copied_.emplace(geometry.cluster(offset).value(), qcow2::entry_copied(l2));
    }
    if (!geometry.extended_l2) {
      RC_ASSERT((l2 & 1) == 0U || (l2 == 1 && geometry.version == 3));
      take(index * geometry.cluster_size(), geometry.cluster_size(), offset, l2 == 1);
      return;
    }
    RC_ASSERT((l2 & 1) == 0U);
    const auto allocated = static_cast<std::uint32_t>(second);
    const auto zeros = static_cast<std::uint32_t>(second >> 32);
    RC_ASSERT((allocated & zeros) == 0U);
    RC_ASSERT((allocated != 0) == (offset.value() != 0));
    const std::uint64_t size = geometry.cluster_size() / 32;
    for (unsigned i = 0; i < 32; ++i) {
      const bool zero = (zeros >> i & 1) != 0;
      if (!zero && (allocated >> i & 1) == 0) continue;
      take(index * geometry.cluster_size() + i * size, size, offset + i * size, zero);
    }
    if (allocated == 0) ++zero_clusters_;
  }

  void take(std::uint64_t at, std::uint64_t size, HostOffset from, bool zero) {
    const auto to = disk_.begin() + static_cast<std::ptrdiff_t>(at);
    if (zero) {
      std::fill_n(to, size, std::byte{0});
      if (!header_.geometry.extended_l2) ++zero_clusters_;
    } else {
      RC_ASSERT(from.value() + size <= image_.size());
      std::copy_n(image_.begin() + static_cast<std::ptrdiff_t>(from.value()), size, to);
    }
  }

  const std::vector<std::byte>& image_;
  qcow2::Header header_;
  std::vector<std::byte> disk_;
  std::uint64_t zero_clusters_ = 0;              // that need no cluster of the image
  std::map<std::uint64_t, std::uint64_t> used_;  // host cluster to references
  std::map<std::uint64_t, bool> copied_;         // host cluster to what entries say
};

}  // namespace qcow2stream::testing
