// SPDX-License-Identifier: GPL-2.0-or-later
//
// Entries of the L1 and L2 tables (specification: "Cluster mapping").

#pragma once

#include <cstdint>

#include "qcow2stream/types.h"

namespace qcow2stream::qcow2 {

// QCOW_OFLAG_COPIED: the cluster that the entry points to has a refcount of exactly one.
inline constexpr std::uint64_t kCopied = 1ULL << 63;

// Bits 9-55 (L1E_OFFSET_MASK, L2E_OFFSET_MASK).
inline constexpr std::uint64_t kOffsetMask = 0x00ff'ffff'ffff'fe00ULL;

inline constexpr std::uint64_t kUnallocatedEntry = 0;

// L1: `table` is an L2 table; L2: a data cluster. Cluster-aligned, refcount one.
constexpr std::uint64_t encode_entry(HostOffset table) {
  return table.value() | kCopied;
}

// L2, external data file: the offset in the data file is always the guest offset, and kCopied tells
// cluster 0 from an unallocated one.
constexpr std::uint64_t encode_data_file_entry(GuestOffset offset) {
  return offset.value() | kCopied;
}

constexpr HostOffset entry_offset(std::uint64_t entry) {
  return HostOffset(entry & kOffsetMask);
}
constexpr bool entry_copied(std::uint64_t entry) {
  return (entry & kCopied) != 0;
}

}  // namespace qcow2stream::qcow2
