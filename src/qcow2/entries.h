// SPDX-License-Identifier: GPL-2.0-or-later
//
// Entries of the L1 and L2 tables (specification: "Cluster mapping").

#pragma once

#include <cassert>
#include <cstdint>

#include "qcow2/limits.h"
#include "qcow2stream/types.h"

namespace qcow2stream::qcow2 {

// QCOW_OFLAG_COPIED: the cluster that the entry points to has a refcount of exactly one.
inline constexpr std::uint64_t kCopied = 1ULL << 63;

// Bits 9-55 (L1E_OFFSET_MASK, L2E_OFFSET_MASK).
inline constexpr std::uint64_t kOffsetMask = 0x00ff'ffff'ffff'fe00ULL;

// Bits that must be zeros in an L1 entry, and in an L2 entry that is not compressed (QEMU:
// L1E_RESERVED_MASK, L2E_STD_RESERVED_MASK).
inline constexpr std::uint64_t kReservedOfL1 = 0x7f00'0000'0000'01ffULL;
inline constexpr std::uint64_t kReservedOfL2 = 0x3f00'0000'0000'01feULL;

inline constexpr std::uint64_t kUnallocatedEntry = 0;
// An L2 entry of version 3: the cluster reads as zeros and has no space (QCOW_OFLAG_ZERO).
inline constexpr std::uint64_t kZeroEntry = 1;

// The second word of an extended L2 entry (specification: "Extended L2 Entries"). Each subcluster
// has a bit in the lower half, which says that it is allocated, and one in the upper half, which
// says that it reads as zeros. Never are both set.
inline constexpr std::uint64_t kAllSubclustersAllocated = 0x0000'0000'ffff'ffffULL;
inline constexpr std::uint64_t kAllSubclustersZero = 0xffff'ffff'0000'0000ULL;

// An entry that points to an L2 table (in L1) or to a data cluster (in L2), which begins at a
// cluster's border and has a refcount of one.
constexpr std::uint64_t encode_entry(HostOffset table) {
  return table.value() | kCopied;
}

// An L2 entry that points to a cluster to which other entries point as well.
constexpr std::uint64_t encode_shared_entry(HostOffset cluster) {
  return cluster.value();
}

// An L2 entry of an image with an external data file. The offset in the data file is always the
// guest offset, and kCopied tells cluster 0 from an unallocated one.
constexpr std::uint64_t encode_data_file_entry(GuestOffset offset) {
  return offset.value() | kCopied;
}

// An L2 entry of a cluster that is stored compressed, `size` bytes from `offset` on, which need not
// be aligned to anything (specification: "Compressed Clusters Descriptor"). The entry says in how
// many sectors beyond the first the data lies. It never has kCopied, since the data shares its host
// cluster with others. `size` must not be 0, and the number of sectors must fit into the entry.
inline constexpr std::uint64_t kCompressedFlag = 1ULL << 62;
constexpr std::uint64_t encode_compressed_entry(HostOffset offset, std::uint64_t size,
                                                unsigned cluster_bits) {
  assert(size > 0);
  assert(offset.value() + size <= max_compressed_offset(cluster_bits));
  const unsigned offset_bits = 62 - (cluster_bits - 8);
  const std::uint64_t last = offset.value() + size - 1;
  const std::uint64_t more_sectors = last / kSectorSize - offset.value() / kSectorSize;
  assert(more_sectors < 1ULL << (cluster_bits - 8));
  return kCompressedFlag | more_sectors << offset_bits | offset.value();
}

// The bytes of the file that such an entry refers to. They end with the last sector.
constexpr HostRange decode_compressed_entry(std::uint64_t entry, unsigned cluster_bits) {
  const unsigned offset_bits = 62 - (cluster_bits - 8);
  const std::uint64_t offset = entry & ((1ULL << offset_bits) - 1);
  const std::uint64_t more_sectors = (entry & (kCompressedFlag - 1)) >> offset_bits;
  return {HostOffset(offset), (more_sectors + 1) * kSectorSize - offset % kSectorSize};
}

constexpr HostOffset entry_offset(std::uint64_t entry) {
  return HostOffset(entry & kOffsetMask);
}
constexpr bool entry_copied(std::uint64_t entry) {
  return (entry & kCopied) != 0;
}

// What an L2 entry says of its cluster, or of one of its subclusters (QEMU:
// qcow2_get_subcluster_type()). Reserved bits are passed over, as they are there.
enum class EntryKind {
  kUnallocated,  // the backing file has it; zeros where there is none
  kZeros,
  kData,        // at entry_offset()
  kCompressed,  // decode_compressed_entry() says where
  kInvalid,     // no sense: the image is damaged
};

// Of a whole cluster, without extended L2 entries. `has_data_file`: an external one.
constexpr EntryKind entry_kind(std::uint64_t entry, bool has_data_file) {
  if ((entry & kCompressedFlag) != 0) return EntryKind::kCompressed;
  if ((entry & kZeroEntry) != 0) return EntryKind::kZeros;
  if ((entry & kOffsetMask) != 0) return EntryKind::kData;
  return has_data_file && entry_copied(entry) ? EntryKind::kData : EntryKind::kUnallocated;
}

// Of the subcluster `index` of kSubclusters, with extended L2 entries of two words.
constexpr EntryKind subcluster_kind(std::uint64_t entry, std::uint64_t bits, unsigned index,
                                    bool has_data_file) {
  if ((entry & kCompressedFlag) != 0) return EntryKind::kCompressed;
  const bool has_cluster = (entry & kOffsetMask) != 0 || (has_data_file && entry_copied(entry));
  const std::uint64_t allocated = bits & kAllSubclustersAllocated;
  if (!has_cluster && allocated != 0) return EntryKind::kInvalid;
  if ((bits >> kSubclusters & allocated) != 0) return EntryKind::kInvalid;
  if ((bits >> (kSubclusters + index) & 1) != 0) return EntryKind::kZeros;
  return (allocated >> index & 1) != 0 ? EntryKind::kData : EntryKind::kUnallocated;
}

}  // namespace qcow2stream::qcow2
