// SPDX-License-Identifier: GPL-2.0-or-later

#include "disk/qcow2/bitmap_bits.h"

#include <fmt/format.h>

#include <array>
#include <string>

#include "base/endian.h"
#include "qcow2stream/error.h"

namespace qcow2stream {
namespace {

constexpr std::uint64_t kBitmapTableEntrySize = 8;  // bytes

[[noreturn]] void throw_damaged(const std::string& file, const std::string& bitmap) {
  throw Error(ErrorKind::kFailed, file, fmt::format("its dirty bitmap '{}' cannot be used", bitmap),
              "its table is damaged")
      .about(ErrorSubject::kDisk);
}

}  // namespace

BitmapBits::Part BitmapBits::part_at(std::uint64_t at) const {
  const std::uint64_t index = at >> geometry_.cluster_bits;
  const std::uint64_t in_cluster = at % geometry_.cluster_size();
  const auto cluster = qcow2::decode_bitmap_cluster(table_entry(index), geometry_);
  if (cluster.kind == qcow2::BitmapCluster::Kind::kInvalid) {
    throw_damaged(file_.name(), bitmap_.name);
  }
  return {.kind = cluster.kind,
          .length = geometry_.cluster_size() - in_cluster,
          .offset = cluster.offset + in_cluster};
}

void BitmapBits::read(HostOffset offset, std::span<std::byte> buffer) const {
  if (offset.value() > file_.size() || buffer.size() > file_.size() - offset.value()) {
    throw_damaged(file_.name(), bitmap_.name);
  }
  file_.read(GuestOffset(offset.value()), buffer);
}

std::uint64_t BitmapBits::table_entry(std::uint64_t index) const {
  if (index >= bitmap_.table_entries) throw_damaged(file_.name(), bitmap_.name);
  std::array<std::byte, kBitmapTableEntrySize> entry{};
  read(bitmap_.table_offset + index * kBitmapTableEntrySize, entry);
  return load_big<std::uint64_t>(entry.data());
}

}  // namespace qcow2stream
