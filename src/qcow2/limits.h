// SPDX-License-Identifier: GPL-2.0-or-later
//
// The numbers that bound an image, and whose they are. "QEMU" means block/qcow2.h.

#pragma once

#include <cstdint>

namespace qcow2stream::qcow2 {

// The guest sees whole sectors: QEMU rounds an odd size down when it opens an image.
inline constexpr std::uint64_t kSectorSize = 512;

// QEMU: MIN_CLUSTER_BITS and MAX_CLUSTER_BITS. The specification has the lower bound only.
inline constexpr unsigned kMinClusterBits = 9;
inline constexpr unsigned kMaxClusterBits = 21;

// Specification: a cluster has 32 subclusters with extended L2 entries; QEMU: none is smaller than
// a sector (MIN_CLUSTER_BITS).
inline constexpr unsigned kSubclusterBits = 5;
inline constexpr unsigned kSubclusters = 1U << kSubclusterBits;
inline constexpr unsigned kMinExtendedL2ClusterBits = kMinClusterBits + kSubclusterBits;

// Specification: refcount_order <= 6.
inline constexpr unsigned kMaxRefcountOrder = 6;

// QEMU: QCOW_MAX_L1_SIZE.
inline constexpr std::uint64_t kMaxL1Bytes = 32ULL << 20;

// QEMU: QCOW_MAX_SNAPSHOTS, QCOW_MAX_SNAPSHOTS_SIZE and QCOW_MAX_SNAPSHOT_EXTRA_DATA.
inline constexpr std::uint64_t kMaxSnapshots = 65536;
inline constexpr std::uint64_t kMaxSnapshotTableBytes = 64ULL << 20;
inline constexpr std::uint64_t kMaxSnapshotExtraBytes = 1024;

// QEMU: QCOW2_MAX_BITMAPS and QCOW2_MAX_BITMAP_DIRECTORY_SIZE.
inline constexpr std::uint64_t kMaxBitmaps = 65535;
inline constexpr std::uint64_t kMaxBitmapDirectoryBytes = 1024 * kMaxBitmaps;

// QEMU: BME_MAX_TABLE_SIZE, BME_MAX_PHYS_SIZE, BME_MIN_GRANULARITY_BITS, BME_MAX_GRANULARITY_BITS
// and BME_MAX_NAME_SIZE.
inline constexpr std::uint64_t kMaxBitmapTableEntries = 0x8000000;
inline constexpr std::uint64_t kMaxBitmapBytes = 0x20000000;
inline constexpr unsigned kMinGranularityBits = 9;
inline constexpr unsigned kMaxGranularityBits = 31;
inline constexpr std::uint64_t kMaxBitmapNameBytes = 1023;

// QEMU: QCOW_MAX_REFTABLE_SIZE, compared with the clusters that the table occupies.
inline constexpr std::uint64_t kMaxRefcountTableBytes = 8ULL << 20;

// Specification: host offsets are bits 9-55 of an L1 or L2 entry.
inline constexpr std::uint64_t kMaxHostOffset = 1ULL << 56;

// Specification: bits 0 to 61 of the L2 entry of a compressed cluster hold its offset and, in
// cluster_bits - 8 bits, the sectors that it takes; what is left for the offset may exceed 56 bits
// but not be used there.
constexpr std::uint64_t max_compressed_offset(unsigned cluster_bits) {
  const unsigned bits = 62 - (cluster_bits - 8);
  return bits >= 56 ? kMaxHostOffset : 1ULL << bits;
}

// The kernel and QEMU count the bytes of a disk in a signed 64-bit number.
inline constexpr std::uint64_t kMaxVirtualSize = (1ULL << 63) - kSectorSize;

// A backing file's name has at most 1023 bytes (specification), a format's name at most 15 (QEMU:
// qcow2_do_open).
inline constexpr std::uint64_t kMaxBackingFileNameBytes = 1023;
inline constexpr std::uint64_t kMaxBackingFormatBytes = 15;

// The kernel: PATH_MAX with its NUL; QEMU keeps file names in buffers of this size.
inline constexpr std::uint64_t kMaxDataFileNameBytes = 4095;

}  // namespace qcow2stream::qcow2
