// SPDX-License-Identifier: GPL-2.0-or-later
//
// What we and the confined program say to each other of the file systems of a disk
// (disk/confined/protocol.h, Work::kExamine).

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "filesystems/finding.h"
#include "qcow2stream/types.h"

namespace qcow2stream {

// What to examine: the request kExamine.
struct DiskToExamine {
  std::uint64_t disk_size = 0;
  Kinds kinds;
  std::uint64_t first_volume = 0;  // those before it were told by another process
};

std::size_t write_disk_to_examine(const DiskToExamine& what, std::span<std::byte> out);
std::optional<DiskToExamine> read_disk_to_examine(std::span<const std::byte> bytes);

// A table of GPT has 128 partitions, a volume group some hundred volumes.
inline constexpr std::size_t kMostVolumes = 4096;

struct ToldVolume {
  std::string name;
  std::uint64_t size = 0;
};

std::size_t write_volume(const ToldVolume& volume, std::span<std::byte> out);
// Nothing if it makes no sense: names have no control characters then.
std::optional<ToldVolume> read_volume(std::span<const std::byte> bytes);

// Runs of the disk, at most so many at once.
inline constexpr std::size_t kMostUnusedRuns = 65536;

void write_unused(std::span<const GuestRange> runs, std::span<std::byte> out);
constexpr std::size_t bytes_of_unused(std::size_t runs) {
  return runs * 2 * sizeof(std::uint64_t);
}
// Nothing if one of them is empty or does not lie within the disk.
std::optional<std::vector<GuestRange>> read_unused(std::span<const std::byte> bytes,
                                                   std::uint64_t disk_size);

std::size_t write_finding(const Finding& finding, std::span<std::byte> out);
std::optional<Finding> read_finding(std::span<const std::byte> bytes);

}  // namespace qcow2stream
