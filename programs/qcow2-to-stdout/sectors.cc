// SPDX-License-Identifier: GPL-2.0-or-later

#include "qcow2-to-stdout/sectors.h"

#include <fmt/format.h>

#include <array>
#include <cstddef>
#include <cstring>
#include <string_view>

#include "qcow2stream/error.h"
#include "system/block_device.h"

namespace qcow2stream::cli {
namespace {

constexpr unsigned kUsualSector = 512;
constexpr unsigned kLargeSector = 4096;

// The header of a GPT is the second sector of its disk (UEFI specification, "GPT Header").
bool has_gpt(const Disk& disk, unsigned sector) {
  constexpr std::string_view kSignature = "EFI PART";
  std::array<std::byte, kSignature.size()> bytes{};
  if (disk.size() < sector + bytes.size()) return false;
  try {
    disk.read(GuestOffset(sector), bytes);
  } catch (const Error&) {
    return false;  // no warning is worth a failure: whoever needs the bytes will say what is wrong
  }
  return std::memcmp(bytes.data(), kSignature.data(), kSignature.size()) == 0;
}

}  // namespace

std::optional<std::string> warning_about_sectors(const Disk& disk, dev_t device) {
  unsigned sector = device == 0 ? 0 : sector_size(device, {});
  if (sector <= kUsualSector && has_gpt(disk, kLargeSector)) sector = kLargeSector;
  if (sector <= kUsualSector || has_gpt(disk, kUsualSector)) return std::nullopt;
  return fmt::format(
      "{}: has sectors of {} bytes, and a machine finds its partitions only if its disk has them, "
      "too: with the image, give QEMU's device logical_block_size={} and physical_block_size={}",
      disk.name(), sector, sector, sector);
}

}  // namespace qcow2stream::cli
