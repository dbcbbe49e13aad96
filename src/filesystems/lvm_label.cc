// SPDX-License-Identifier: GPL-2.0-or-later
//
// The label of a physical volume says where its areas of metadata are; each of them is a header and
// a ring of text, of which the header says which part counts (lib/format_text/layout.h of LVM2).
// All integers are little-endian.

#include <zlib.h>

#include <algorithm>
#include <optional>

#include "filesystems/fields.h"
#include "filesystems/kept.h"
#include "filesystems/lvm.h"

namespace qcow2stream {
namespace {

constexpr std::size_t kLvmSector = 512;
constexpr std::uint64_t kLabelSectors = 4;
constexpr std::uint64_t kMostText = std::uint64_t{2} << 20;
constexpr std::size_t kMostAreas = 8;

// Of the label.
constexpr std::size_t kLabelSector = 8;
constexpr std::size_t kLabelCrc = 16;
constexpr std::size_t kLabelCovered = 20;
constexpr std::size_t kLabelHeader = 20;
constexpr std::size_t kLabelType = 24;
// Of the header of the physical volume.
constexpr std::size_t kIdLength = 32;
constexpr std::size_t kAreaLists = 40;
constexpr std::size_t kAreaSize = 16;
// Of an area of metadata.
constexpr std::size_t kAreaMagic = 4;
constexpr std::size_t kAreaVersion = 20;
constexpr std::size_t kAreaStart = 24;
constexpr std::size_t kAreaLength = 32;
constexpr std::size_t kCommitted = 40;
constexpr std::size_t kPrecommitted = 64;
// Of a place of text in it.
constexpr std::size_t kTextSize = 8;
constexpr std::size_t kTextCrc = 16;
constexpr std::size_t kTextFlags = 20;
constexpr std::uint32_t kIgnored = 1;

[[noreturn]] void refuse_label() {
  throw Kept("its LVM metadata is damaged", "run vgck on it");
}

// CRC-32 as LVM begins it, with nothing inverted.
std::uint32_t lvm_crc(std::span<const std::byte> bytes) {
  constexpr std::uint32_t kInitial = 0xf597a6cf;
  return ~static_cast<std::uint32_t>(::crc32(
      ~kInitial, reinterpret_cast<const Bytef*>(bytes.data()), static_cast<uInt>(bytes.size())));
}

struct Area {
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
};

// A list of areas, up to one that is zeros, and what stands behind it.
std::vector<Area> take_areas(const Fields& fields, std::size_t& at) {
  std::vector<Area> areas;
  for (;;) {
    if (fields.bytes(at, kAreaSize).empty()) refuse_label();
    const Area area{fields.little<std::uint64_t>(at), fields.little<std::uint64_t>(at + 8)};
    at += kAreaSize;
    if (area.offset == 0) return areas;
    areas.push_back(area);
    if (areas.size() > kMostAreas) refuse_label();
  }
}

// The text of an area, or nothing if the area is not in use.
std::optional<std::string> text_of(const Volume& physical, const Area& area) {
  if (area.size <= kLvmSector || !lies_within(physical, area.offset, area.size)) refuse_label();
  const auto header = bytes_at(physical, area.offset, kLvmSector);
  const Fields fields(header);
  if (!fields.has(kAreaMagic, " LVM2 x[5A%r0N*>") ||
      fields.little<std::uint32_t>(0) != lvm_crc(fields.all().subspan(kAreaMagic)) ||
      fields.little<std::uint32_t>(kAreaVersion) != 1 ||
      fields.little<std::uint64_t>(kAreaStart) != area.offset ||
      fields.little<std::uint64_t>(kAreaLength) != area.size) {
    refuse_label();
  }
  if ((fields.little<std::uint32_t>(kCommitted + kTextFlags) & kIgnored) != 0) return {};
  if (fields.little<std::uint64_t>(kPrecommitted) != 0) {
    throw Kept("its volume group is being changed");
  }
  const auto at = fields.little<std::uint64_t>(kCommitted);
  const auto size = fields.little<std::uint64_t>(kCommitted + kTextSize);
  if (at == 0) throw Kept("it belongs to no volume group");
  if (at < kLvmSector || at >= area.size || size == 0 || size > area.size - kLvmSector) {
    refuse_label();
  }
  if (size > kMostText) throw Kept("its LVM metadata is larger than what is looked at");
  // The ring goes on behind the header.
  const std::uint64_t front = std::min(size, area.size - at);
  auto text = bytes_at(physical, area.offset + at, front);
  const auto rest = bytes_at(physical, area.offset + kLvmSector, size - front);
  text.insert(text.end(), rest.begin(), rest.end());
  if (lvm_crc(text) != fields.little<std::uint32_t>(kCommitted + kTextCrc)) refuse_label();
  return std::string(Fields(text).text(0, text.size()));
}

std::vector<std::byte> label_of(const Volume& physical) {
  std::optional<std::vector<std::byte>> label;
  for (std::uint64_t sector = 0; sector < kLabelSectors; ++sector) {
    auto bytes = bytes_at(physical, sector * kLvmSector, kLvmSector);
    const Fields fields(bytes);
    if (!fields.has(0, "LABELONE")) continue;
    if (label || !fields.has(kLabelType, "LVM2 001") ||
        fields.little<std::uint64_t>(kLabelSector) != sector ||
        fields.little<std::uint32_t>(kLabelCrc) != lvm_crc(fields.all().subspan(kLabelCovered))) {
      refuse_label();
    }
    label = std::move(bytes);
  }
  if (!label) refuse_label();
  return *std::move(label);
}

}  // namespace

LvmLabel read_lvm_label(const Volume& physical) {
  const auto bytes = label_of(physical);
  const Fields fields(bytes);
  const std::size_t header = fields.little<std::uint32_t>(kLabelHeader);
  if (fields.bytes(header, kAreaLists).empty()) refuse_label();
  LvmLabel label;
  label.id = fields.text(header, kIdLength);
  std::size_t at = header + kAreaLists;
  take_areas(fields, at);  // of data: the text says where these are
  for (const Area& area : take_areas(fields, at)) {
    const auto text = text_of(physical, area);
    if (!text) continue;
    if (!label.text.empty() && *text != label.text) refuse_label();
    label.text = *text;
  }
  if (label.text.empty()) throw Kept("it has no LVM metadata of its own");
  return label;
}

}  // namespace qcow2stream
