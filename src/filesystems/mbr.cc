// SPDX-License-Identifier: GPL-2.0-or-later
//
// The table of a master boot record: four entries, one of which may be an extended partition. That
// has a chain of boot records of its own, each with one logical partition and the way to the next.

#include <algorithm>
#include <cassert>
#include <utility>

#include "filesystems/identify.h"
#include "filesystems/kept.h"
#include "filesystems/partition_table.h"
#include "filesystems/pieces.h"

namespace qcow2stream {
namespace {

constexpr std::size_t kBootSector = 512;
constexpr std::size_t kEntries = 446;
constexpr std::size_t kEntryLength = 16;
constexpr std::size_t kBootSignature = 510;
constexpr std::uint64_t kSmallSector = 512;
constexpr std::uint64_t kLargeSector = 4096;

[[noreturn]] void refuse_mbr() {
  throw Kept("its partition table (MBR) is damaged", "repair the table with fdisk");
}

bool is_extended(const BootEntry& entry) {
  return entry.type == 0x05 || entry.type == 0x0f || entry.type == 0x85;
}

class Mbr {
 public:
  Mbr(const Volume& disk, std::uint64_t sector_size) : disk_(disk), sector_size_(sector_size) {}

  std::vector<Partition> read(const BootEntries& entries) {
    std::vector<VolumeRange> ranges{{VolumeOffset(0), kBootSector}};
    const BootEntry* extended = nullptr;
    for (unsigned i = 0; i < entries.size(); ++i) {
      const BootEntry& entry = entries.at(i);
      if (entry.is_empty()) continue;
      if (!entry.is_plausible() || entry.type == kProtectsGpt) refuse_mbr();
      ranges.push_back(range_of(entry.begin, entry.count));
      if (!is_extended(entry)) {
        partitions_.push_back({i + 1, ranges.back()});
      } else if (std::exchange(extended, &entry) != nullptr) {
        refuse_mbr();
      }
    }
    check_apart(disk_, ranges);
    if (extended != nullptr) read_logical(*extended);
    return std::move(partitions_);
  }

 private:
  // Sector numbers of entries have 32 bits each, of which two or three are added.
  [[nodiscard]] VolumeRange range_of(std::uint64_t begin, std::uint64_t count) const {
    return {VolumeOffset(begin * sector_size_), count * sector_size_};
  }

  void read_logical(const BootEntry& extended) {
    std::vector<VolumeRange> ranges;
    constexpr unsigned kFirstLogical = 5;
    unsigned number = kFirstLogical;
    std::uint64_t at = extended.begin;
    for (bool goes_on = true; goes_on; ++number) {
      if (ranges.size() > 2 * kMostPartitions) refuse_mbr();
      ranges.push_back(range_of(at, 1));
      const BootEntries entries = record_at(at);
      const BootEntry& logical = entries[0];
      const BootEntry& next = entries[1];
      if (!logical.is_empty()) {
        ranges.push_back(range_of(at + logical.begin, logical.count));
        partitions_.push_back({number, ranges.back()});
      } else if (at != extended.begin || !next.is_empty()) {
        refuse_mbr();  // only one without any logical partition may be empty
      }
      goes_on = !next.is_empty();
      at = extended.begin + next.begin;
    }
    check_apart(disk_, ranges);
    const VolumeRange outer = range_of(extended.begin, extended.count);
    if (ranges.front().begin < outer.begin || ranges.back().end() > outer.end()) refuse_mbr();
  }

  [[nodiscard]] BootEntries record_at(std::uint64_t sector) const {
    const VolumeRange range = range_of(sector, 1);
    if (!lies_within(disk_, range.begin.value(), range.length)) refuse_mbr();
    const auto entries = boot_entries(bytes_at(disk_, range.begin.value(), kBootSector));
    if (!entries || !(*entries)[0].is_plausible() || !(*entries)[1].is_plausible() ||
        is_extended((*entries)[0]) || !((*entries)[1].is_empty() || is_extended((*entries)[1])) ||
        !(*entries)[2].is_empty() || !(*entries)[3].is_empty()) {
      refuse_mbr();
    }
    return *entries;
  }

  const Volume& disk_;
  std::uint64_t sector_size_;
  std::vector<Partition> partitions_;
};

bool has_known_content(const Volume& disk, const std::vector<Partition>& partitions) {
  return std::ranges::any_of(partitions, [&](const Partition& partition) {
    const PiecesVolume volume(disk, {{VolumeOffset(0), partition.range}});
    return !find_signatures(volume).empty();
  });
}

}  // namespace

std::optional<BootEntries> boot_entries(std::span<const std::byte> sector) {
  assert(sector.size() >= kBootSector);
  const Fields fields(sector);
  if (!fields.has(kBootSignature, "\x55\xaa")) return {};
  BootEntries entries{};
  std::size_t at = kEntries;
  for (BootEntry& entry : entries) {
    entry.status = fields.byte(at);
    entry.type = fields.byte(at + 4);
    entry.begin = fields.little<std::uint32_t>(at + 8);
    entry.count = fields.little<std::uint32_t>(at + 12);
    at += kEntryLength;
  }
  return entries;
}

std::optional<BootEntries> boot_table(const Volume& volume,
                                      const std::vector<Signature>& signatures) {
  auto entries = boot_entries(bytes_at(volume, 0, kBootSector));
  if (!entries || std::ranges::all_of(*entries, &BootEntry::is_empty)) return {};
  const bool has_own = std::ranges::any_of(signatures, &Signature::is_at_beginning);
  if (has_own && !std::ranges::all_of(*entries, &BootEntry::is_plausible)) return {};
  return entries;
}

void check_apart(const Volume& disk, std::vector<VolumeRange>& ranges) {
  std::ranges::sort(ranges, {}, &VolumeRange::begin);
  VolumeOffset end(0);
  for (const VolumeRange& range : ranges) {
    if (!lies_within(disk, range.begin.value(), range.length)) {
      throw Kept("a partition does not lie within the disk", "repair the partition table");
    }
    if (range.begin < end) throw Kept("partitions overlap", "repair the partition table");
    end = range.end();
  }
}

// A boot record does not say how large a sector is. It is 512 bytes, unless what the partitions
// hold is found only if it is 4096.
std::vector<Partition> read_mbr(const Volume& disk, const BootEntries& entries) {
  std::vector<Partition> large;
  try {
    large = Mbr(disk, kLargeSector).read(entries);
  } catch (const Kept&) {
    return Mbr(disk, kSmallSector).read(entries);
  }
  const bool is_large = has_known_content(disk, large);
  std::vector<Partition> small;
  try {
    small = Mbr(disk, kSmallSector).read(entries);
  } catch (const Kept&) {
    if (is_large) return large;
    throw;
  }
  if (!is_large) return small;
  if (has_known_content(disk, small)) {
    throw Kept("how large the sectors of its partition table (MBR) are is in doubt");
  }
  return large;
}

}  // namespace qcow2stream
