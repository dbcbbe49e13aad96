// SPDX-License-Identifier: GPL-2.0-or-later
//
// Makes the bytes of the header and the tables straight from the layout. Nothing is kept, and a
// piece costs what the entries in it cost.

#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "layout/layout.h"
#include "qcow2stream/types.h"

namespace qcow2stream {

// All functions are const and thread-safe. The layout must outlive it.
class Metadata {
 public:
  explicit Metadata(const Layout& layout);

  // Fills `out` with the image's bytes at `offset`. The range must lie within one region, which may
  // be any but those of bitmaps, of data, of compressed clusters and of the root's trailer. It may
  // begin and end within an entry.
  void generate(HostOffset offset, std::span<std::byte> out) const;

 private:
  // Does the same for a range that begins and ends at a multiple of kBlock in the region.
  void generate_blocks(const Region& region, std::uint64_t at, std::span<std::byte> out) const;
  void header(std::uint64_t at, std::span<std::byte> out) const;
  void refcount_table(std::uint64_t at, std::span<std::byte> out) const;
  void refcount_blocks(std::uint64_t at, std::span<std::byte> out) const;
  void l1_table(std::uint64_t at, std::span<std::byte> out) const;
  void l2_tables(std::uint64_t at, std::span<std::byte> out) const;
  struct L2Position;
  void l2_table(std::uint64_t l1_index, std::uint64_t first_entry, L2Position& position,
                std::span<std::byte> out) const;
  [[nodiscard]] std::uint64_t next_shared_zero_entry(L2Position& position) const;
  [[nodiscard]] std::uint64_t next_l2_entry(ClusterKind kind, GuestCluster cluster,
                                            L2Position& position) const;

  const Layout& layout_;
  std::vector<std::byte> header_;
};

}  // namespace qcow2stream
