// SPDX-License-Identifier: GPL-2.0-or-later
//
// Disks of any bytes: partition tables, logical volumes, XFS, swap. Volumes and what is left out of
// them lie within the disk and apart from each other, and nothing is thrown.
//
// An input is a byte that says whether checksums are made right (1), and a volume
// (sparse_volume.h).

#include <zlib.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/endian.h"
#include "filesystems/crc32c.h"
#include "filesystems/fields.h"
#include "filesystems/identify.h"
#include "filesystems/volumes.h"
#include "input.h"
#include "sparse_volume.h"

namespace qcow2stream::fuzz {
namespace {

constexpr std::size_t kMostRuns = 100'000;

class CheckedRuns final : public FreeRuns {
 public:
  explicit CheckedRuns(std::uint64_t size) : size_(size) {}
  void add(VolumeRange run, LeftOutKind) override {
    require(run.length > 0 && run.begin.value() <= size_ && run.length <= size_ - run.begin.value(),
            "a run within the volume");
    if (all.size() < kMostRuns) all.push_back(run);
  }
  std::vector<VolumeRange> all;

 private:
  std::uint64_t size_;
};

void require_apart(std::vector<VolumeRange> ranges) {
  std::ranges::sort(ranges, {}, &VolumeRange::begin);
  for (std::size_t i = 1; i < ranges.size(); ++i)
    require(ranges[i - 1].end() <= ranges[i].begin, "ranges apart from each other");
}

std::uint32_t zlib_crc(std::uint32_t initial, std::span<const std::byte> bytes) {
  return static_cast<std::uint32_t>(::crc32(initial, reinterpret_cast<const Bytef*>(bytes.data()),
                                            static_cast<uInt>(bytes.size())));
}

// Writes a number of 32 bits, little-endian.
void put(SparseVolume& disk, std::uint64_t at, std::uint32_t number) {
  std::array<std::byte, 4> bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i)
    bytes.at(i) = static_cast<std::byte>(number >> 8 * i);
  disk.write(at, bytes);
}

void seal_gpt(SparseVolume& disk, std::uint64_t at) {
  const auto header = bytes_at(disk, at, 92);
  const Fields fields(header);
  if (!fields.has(0, "EFI PART")) return;
  const std::uint64_t entries = fields.little<std::uint64_t>(72) * 512;
  const std::size_t length = std::min<std::uint64_t>(
      std::uint64_t{fields.little<std::uint32_t>(80)} * fields.little<std::uint32_t>(84), 1 << 20);
  put(disk, at + 88, zlib_crc(0, bytes_at(disk, entries, length)));
  put(disk, at + 16, 0);
  put(disk, at + 16, zlib_crc(0, bytes_at(disk, at, 92)));
}

std::uint32_t lvm_crc(std::span<const std::byte> bytes) {
  return ~zlib_crc(~0xf597a6cfU, bytes);
}

// The label in the second sector, and an area of metadata behind 4 KiB.
void seal_lvm(SparseVolume& disk) {
  constexpr std::uint64_t kArea = 4096;
  const auto area = bytes_at(disk, kArea, 1 << 20);
  const Fields fields(area);
  const std::uint64_t at = fields.little<std::uint64_t>(40);
  const std::uint64_t size = fields.little<std::uint64_t>(48);
  if (!bytes_at(disk, 512, 8).empty() && Fields(bytes_at(disk, 512, 8)).has(0, "LABELONE")) {
    put(disk, kArea + 56, lvm_crc(fields.bytes(at, size)));
    put(disk, kArea, lvm_crc(bytes_at(disk, kArea + 4, 508)));
    put(disk, 528, lvm_crc(bytes_at(disk, 532, 492)));
  }
}

void seal_xfs_structure(SparseVolume& disk, std::uint64_t at, std::size_t length,
                        std::size_t crc_at) {
  if (length < crc_at + 4 || length > 65536 || at > disk.size() || length > disk.size() - at)
    return;
  put(disk, at + crc_at, 0);
  put(disk, at + crc_at, ~crc32c(~0U, bytes_at(disk, at, length)));
}

void seal_xfs(SparseVolume& disk) {
  const auto bytes = bytes_at(disk, 0, 512);
  const Fields fields(bytes);
  if (!fields.has(0, "XFSB")) return;
  const std::uint64_t block = fields.big<std::uint32_t>(4);
  const std::uint64_t group = block * fields.big<std::uint32_t>(84);
  const std::size_t sector = fields.big<std::uint16_t>(102);
  if (block > 65536 || sector > 32768) return;
  for (std::uint64_t begin = 0, n = 0; n < 4; begin += group, ++n) {
    seal_xfs_structure(disk, begin, sector, 224);
    seal_xfs_structure(disk, begin + sector, sector, 216);
    seal_xfs_structure(disk, begin + 2 * sector, sector, 312);
    seal_xfs_structure(disk, begin + 3 * sector, sector, 32);
    const auto space = bytes_at(disk, begin + sector, 512);
    for (const std::size_t root : {16U, 20U}) {
      const std::uint64_t at = begin + block * Fields(space).big<std::uint32_t>(root);
      seal_xfs_structure(disk, at, block, 52);
    }
  }
}

bool is_ours(const Volume& volume) {
  return std::ranges::none_of(find_signatures(volume), [](const Signature& signature) {
    return signature.format == "ext" || signature.format == "ntfs";
  });
}

void check(Input input) {
  const bool seals = (input.byte() & 1) != 0;
  SparseVolume disk(input);
  if (seals) {
    seal_gpt(disk, 512);
    if (disk.size() >= 1024) seal_gpt(disk, disk.size() / 512 * 512 - 512);
    seal_lvm(disk);
    seal_xfs(disk);
  }
  std::vector<VolumeRange> all;
  for (const FoundVolume& found : find_volumes(disk)) {
    for (const Piece& piece : found.pieces) {
      require(piece.on_disk.end().value() <= disk.size(), "a piece within the disk");
      all.push_back(piece.on_disk);
    }
    if (found.refused || !is_ours(*found.volume)) continue;
    CheckedRuns runs(found.volume->size());
    if (!examine(found, {.free = true, .swap = true}, runs).kept()) require_apart(runs.all);
  }
  require_apart(all);
}

}  // namespace
}  // namespace qcow2stream::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return qcow2stream::fuzz::run("volumes", [&] {
    qcow2stream::fuzz::check(qcow2stream::fuzz::Input({data, size}));
  });
}
