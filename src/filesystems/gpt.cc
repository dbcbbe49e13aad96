// SPDX-License-Identifier: GPL-2.0-or-later
//
// GUID partition tables (UEFI specification, chapter 5). There are two copies, of which a system
// may use either: they must say the same.

#include <zlib.h>

#include <algorithm>
#include <array>

#include "base/bits.h"
#include "filesystems/fields.h"
#include "filesystems/kept.h"
#include "filesystems/partition_table.h"

namespace qcow2stream {
namespace {

// Offsets of fields of a header.
constexpr std::size_t kRevision = 8;
constexpr std::size_t kHeaderLength = 12;
constexpr std::size_t kHeaderCrc = 16;
constexpr std::size_t kOwnSector = 24;
constexpr std::size_t kOtherSector = 32;
constexpr std::size_t kFirstUsable = 40;
constexpr std::size_t kLastUsable = 48;
constexpr std::size_t kDiskGuid = 56;
constexpr std::size_t kEntriesSector = 72;
constexpr std::size_t kEntryCount = 80;
constexpr std::size_t kEntrySize = 84;
constexpr std::size_t kEntriesCrc = 88;
constexpr std::size_t kLeastHeader = 92;
// Of an entry.
constexpr std::size_t kTypeLength = 16;
constexpr std::size_t kFirstSector = 32;
constexpr std::size_t kLastSector = 40;

constexpr std::uint32_t kVersion1 = 0x00010000;
constexpr std::uint64_t kLeastEntry = 128;
constexpr std::uint64_t kMostEntry = 1024;
constexpr std::array<std::uint64_t, 2> kSectorSizes{512, 4096};

[[noreturn]] void refuse_gpt() {
  throw Kept("its partition table (GPT) is damaged", "repair the table with gdisk or sgdisk");
}

struct GptHeader {
  std::uint64_t own = 0;  // sectors
  std::uint64_t other = 0;
  std::uint64_t first_usable = 0;
  std::uint64_t last_usable = 0;
  std::uint64_t entries = 0;
  std::array<std::byte, 16> guid{};
  std::uint64_t entry_count = 0;
  std::uint64_t entry_size = 0;
  std::uint32_t entries_crc = 0;

  [[nodiscard]] std::uint64_t entries_length() const { return entry_count * entry_size; }
  [[nodiscard]] bool agrees_with(const GptHeader& backup) const {
    return own == backup.other && other == backup.own && first_usable == backup.first_usable &&
           last_usable == backup.last_usable && guid == backup.guid &&
           entry_count == backup.entry_count && entry_size == backup.entry_size &&
           entries_crc == backup.entries_crc;
  }
};

std::uint32_t gpt_crc(std::uint32_t crc, std::span<const std::byte> bytes) {
  return static_cast<std::uint32_t>(
      ::crc32(crc, reinterpret_cast<const Bytef*>(bytes.data()), static_cast<uInt>(bytes.size())));
}

bool has_header_crc(const Fields& fields, std::size_t length) {
  constexpr std::array<std::byte, 4> kZeros{};
  const auto bytes = fields.all().first(length);
  std::uint32_t crc = gpt_crc(0, bytes.first(kHeaderCrc));
  crc = gpt_crc(crc, kZeros);
  crc = gpt_crc(crc, bytes.subspan(kHeaderCrc + kZeros.size()));
  return crc == fields.little<std::uint32_t>(kHeaderCrc);
}

// The header in that sector, if it is a good one.
std::optional<GptHeader> header_at(const Volume& disk, std::uint64_t sector_size,
                                   std::uint64_t sector) {
  if (sector >= disk.size() / sector_size) return {};
  const auto bytes = bytes_at(disk, sector * sector_size, sector_size);
  const Fields fields(bytes);
  const std::size_t length = fields.little<std::uint32_t>(kHeaderLength);
  if (!fields.has(0, "EFI PART") || fields.little<std::uint32_t>(kRevision) != kVersion1 ||
      length < kLeastHeader || length > sector_size || !has_header_crc(fields, length)) {
    return {};
  }
  GptHeader header;
  header.own = fields.little<std::uint64_t>(kOwnSector);
  header.other = fields.little<std::uint64_t>(kOtherSector);
  header.first_usable = fields.little<std::uint64_t>(kFirstUsable);
  header.last_usable = fields.little<std::uint64_t>(kLastUsable);
  header.entries = fields.little<std::uint64_t>(kEntriesSector);
  std::ranges::copy(fields.bytes(kDiskGuid, header.guid.size()), header.guid.begin());
  header.entry_count = fields.little<std::uint32_t>(kEntryCount);
  header.entry_size = fields.little<std::uint32_t>(kEntrySize);
  header.entries_crc = fields.little<std::uint32_t>(kEntriesCrc);
  if (header.own != sector) return {};
  return header;
}

class Gpt {
 public:
  Gpt(const Volume& disk, std::uint64_t sector_size) : disk_(disk), sector_size_(sector_size) {}

  std::vector<Partition> read() {
    const auto primary = header_at(disk_, sector_size_, 1);
    if (!primary) refuse_gpt();
    const auto backup = header_at(disk_, sector_size_, primary->other);
    if (!backup || !primary->agrees_with(*backup)) refuse_gpt();
    check_places(*primary, *backup);
    const auto entries = entries_of(*primary);
    if (entries != entries_of(*backup)) refuse_gpt();
    auto partitions = partitions_of(*primary, entries);
    check_boot_record(partitions);
    return partitions;
  }

 private:
  // Tables in front of what may be used, copies behind it.
  void check_places(const GptHeader& primary, const GptHeader& backup) const {
    if (primary.entry_count == 0 || primary.entry_count > kMostPartitions ||
        primary.entry_size < kLeastEntry || primary.entry_size > kMostEntry ||
        primary.entry_size % kLeastEntry != 0) {
      refuse_gpt();
    }
    const std::uint64_t length = div_up(primary.entries_length(), sector_size_);
    const std::uint64_t sectors = disk_.size() / sector_size_;
    if (primary.entries < 2 || primary.first_usable > primary.last_usable ||
        primary.last_usable >= primary.other || primary.other >= sectors ||
        primary.entries > primary.first_usable || length > primary.first_usable - primary.entries ||
        backup.entries <= primary.last_usable || backup.entries > primary.other ||
        length > primary.other - backup.entries) {
      refuse_gpt();
    }
  }

  [[nodiscard]] std::vector<std::byte> entries_of(const GptHeader& header) const {
    auto entries = bytes_at(disk_, header.entries * sector_size_, header.entries_length());
    if (gpt_crc(0, entries) != header.entries_crc) refuse_gpt();
    return entries;
  }

  [[nodiscard]] std::vector<Partition> partitions_of(const GptHeader& header,
                                                     std::span<const std::byte> entries) const {
    std::vector<Partition> partitions;
    std::vector<VolumeRange> ranges;
    for (unsigned i = 0; i < header.entry_count; ++i) {
      const Fields entry(entries.subspan(i * header.entry_size, header.entry_size));
      const auto type = entry.bytes(0, kTypeLength);
      if (std::ranges::all_of(type, [](std::byte b) { return b == std::byte{0}; })) continue;
      const auto first = entry.little<std::uint64_t>(kFirstSector);
      const auto last = entry.little<std::uint64_t>(kLastSector);
      if (first > last || first < header.first_usable || last > header.last_usable) {
        throw Kept("a partition does not lie within the disk", "repair the table with gdisk");
      }
      const VolumeRange range{VolumeOffset(first * sector_size_),
                              (last - first + 1) * sector_size_};
      partitions.push_back({i + 1, range});
      ranges.push_back(range);
    }
    check_apart(disk_, ranges);
    return partitions;
  }

  // It has one entry that protects the rest, and may repeat partitions of the GPT beside it. Any
  // others are partitions of which the GPT does not know.
  void check_boot_record(const std::vector<Partition>& partitions) const {
    const auto entries = boot_entries(bytes_at(disk_, 0, 512));
    const auto protects = [](const BootEntry& entry) {
      return entry.type == kProtectsGpt && entry.begin == 1;
    };
    if (!entries || std::ranges::count_if(*entries, protects) != 1) {
      throw Kept("its GPT has no protective boot record", "repair the table with gdisk");
    }
    for (const BootEntry& entry : *entries) {
      if (protects(entry) || entry.is_empty()) continue;
      const VolumeRange range{VolumeOffset(entry.begin * sector_size_), entry.count * sector_size_};
      if (std::ranges::find(partitions, range, &Partition::range) == partitions.end()) {
        throw Kept("its two partition tables (GPT and MBR) do not agree");
      }
    }
  }

  const Volume& disk_;
  std::uint64_t sector_size_;
};

}  // namespace

std::vector<Partition> read_gpt(const Volume& disk) {
  std::optional<std::uint64_t> sector_size;
  for (const std::uint64_t size : kSectorSizes) {
    if (!Fields(bytes_at(disk, size, 8)).has(0, "EFI PART")) continue;
    if (sector_size) refuse_gpt();
    sector_size = size;
  }
  if (!sector_size) refuse_gpt();
  return Gpt(disk, *sector_size).read();
}

bool has_backup_gpt(const Volume& disk) {
  return std::ranges::any_of(kSectorSizes, [&](std::uint64_t size) {
    const std::uint64_t sectors = disk.size() / size;
    return sectors > 1 && header_at(disk, size, sectors - 1).has_value();
  });
}

}  // namespace qcow2stream
