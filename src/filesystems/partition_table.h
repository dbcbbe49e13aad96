// SPDX-License-Identifier: GPL-2.0-or-later
//
// Partition tables: GPT, and that of a master boot record (MBR).

#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "filesystems/fields.h"
#include "filesystems/identify.h"
#include "filesystems/volume.h"

namespace qcow2stream {

struct Partition {
  unsigned number = 0;  // as Linux counts
  VolumeRange range;    // of the disk
};

constexpr std::size_t kMostPartitions = 1024;

// An entry of a boot record, in sectors.
struct BootEntry {
  std::uint8_t status = 0;
  std::uint8_t type = 0;
  std::uint64_t begin = 0;
  std::uint64_t count = 0;
  [[nodiscard]] bool is_empty() const { return type == 0 && count == 0; }
  // Of those a boot record may have; text and code have others.
  [[nodiscard]] bool is_plausible() const {
    return (status == 0 || status == 0x80) && (type == 0) == (count == 0) &&
           (is_empty() || begin > 0);
  }
};

// The boot record at the beginning of these 512 bytes, if they end in 55 AA.
using BootEntries = std::array<BootEntry, 4>;
std::optional<BootEntries> boot_entries(std::span<const std::byte> sector);

// The table of the boot record at the beginning of a volume with these signatures, if it has one
// that is not empty. Where a file system begins with a boot sector of its own, which ends in 55 AA,
// too, and has code or text at the place of a table, that is none.
std::optional<BootEntries> boot_table(const Volume& volume,
                                      const std::vector<Signature>& signatures);

constexpr std::uint8_t kProtectsGpt = 0xee;

// Throws Kept if the ranges overlap or do not lie within the disk. Sorts them.
void check_apart(const Volume& disk, std::vector<VolumeRange>& ranges);

// The partitions of a GPT, of which the signature has been found. Throws Kept unless both of its
// copies and the boot record agree.
std::vector<Partition> read_gpt(const Volume& disk);

// Whether the last sector, of 512 or 4096 bytes, is a good header of a GPT.
bool has_backup_gpt(const Volume& disk);

// The partitions of a boot record, with logical ones. Throws Kept unless all makes sense.
std::vector<Partition> read_mbr(const Volume& disk, const BootEntries& entries);

}  // namespace qcow2stream
