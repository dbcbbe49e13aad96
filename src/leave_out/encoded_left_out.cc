// SPDX-License-Identifier: GPL-2.0-or-later

#include "leave_out/encoded_left_out.h"

#include <algorithm>
#include <bit>
#include <string>
#include <string_view>
#include <utility>

#include "base/errors.h"
#include "base/fields.h"
#include "layout/cluster_map_encoding.h"
#include "leave_out/found_left_out.h"
#include "leave_out/rests_on.h"
#include "leave_out/told_volumes.h"
#include "leave_out/unused_units.h"
#include "qcow2/limits.h"

namespace qcow2stream {
namespace {

// What the confined program says has a quarter of that, and each byte of it may become four.
constexpr std::size_t kMostText = 4096;

// No cluster of an image and no subcluster is smaller.
constexpr std::uint64_t kSmallestUnit = std::uint64_t{1} << qcow2::kMinClusterBits;
constexpr std::uint64_t kLargestUnit = std::uint64_t{1} << qcow2::kMaxClusterBits;

std::string read_line(FieldReader& in) {
  return one_line(in.text(kMostText));
}

void write_examined(GrowingFieldWriter& out, const ExaminedVolume& volume) {
  for (const std::string* text :
       {&volume.name, &volume.format, &volume.label, &volume.kept_because, &volume.remedy}) {
    out.text(std::string_view(*text).substr(0, kMostText));
  }
  for (const std::uint64_t number : {volume.size, volume.used, volume.free, volume.left_free,
                                     volume.left_swap, std::uint64_t{volume.has_failed}}) {
    out.number(number);
  }
}

ExaminedVolume read_examined(FieldReader& in) {
  ExaminedVolume volume;
  for (std::string* text :
       {&volume.name, &volume.format, &volume.label, &volume.kept_because, &volume.remedy}) {
    *text = read_line(in);
  }
  for (std::uint64_t* number :
       {&volume.size, &volume.used, &volume.free, &volume.left_free, &volume.left_swap}) {
    *number = in.number();
  }
  volume.has_failed = in.number_up_to(1) == 1;
  return volume;
}

HeldRange read_range(FieldReader& in, std::uint64_t disk_size) {
  const std::uint64_t begin = in.number_up_to(disk_size);
  const std::uint64_t length = in.number_up_to(std::min(disk_size - begin, kMostHeldBytes));
  HeldRange held{.range = {GuestOffset(begin), length}};
  std::ranges::copy(in.bytes(held.digest.size()), held.digest.begin());
  return held;
}

// Null if they are no units of that size, or not only such as are left out.
std::shared_ptr<const ClusterMap> read_units(std::span<const std::byte> bytes, std::uint64_t unit,
                                             std::uint64_t disk_size) {
  if (!std::has_single_bit(unit) || unit < kSmallestUnit) return nullptr;
  const qcow2::Geometry geometry = geometry_of_units(unit);
  auto units = decode_cluster_map(bytes, geometry, geometry.clusters_for(disk_size));
  const bool is_good = units != nullptr && units->mapped() == units->count(ClusterKind::kData);
  return is_good ? units : nullptr;
}

}  // namespace

std::vector<std::byte> encode_left_out(const LeftOut& left_out, const ClusterMap& units) {
  GrowingFieldWriter out;
  out.number(units.geometry().cluster_size());
  out.number(left_out.volumes().size());
  for (const ExaminedVolume& volume : left_out.volumes()) write_examined(out, volume);
  out.number(left_out.rests_on().size());
  for (const HeldRange& held : left_out.rests_on()) {
    out.number(held.range.begin.value());
    out.number(held.range.length);
    out.bytes(held.digest);
  }
  out.bytes(encode_cluster_map(units));
  return out.take();
}

std::optional<DecodedLeftOut> decode_left_out(std::span<const std::byte> bytes,
                                              std::uint64_t disk_size) {
  FieldReader in(bytes);
  const std::uint64_t unit = in.number_up_to(kLargestUnit);
  FoundLeftOut::Parts parts{.disk_size = disk_size, .units = {}, .volumes = {}, .rests_on = {}};
  // What comes behind those that are known is one more.
  const std::uint64_t volumes = in.number_up_to(kMostVolumes + 1);
  for (std::uint64_t i = 0; i < volumes && in.makes_sense(); ++i) {
    parts.volumes.push_back(read_examined(in));
  }
  const std::uint64_t ranges = in.number_up_to(kMostHeldRanges);
  for (std::uint64_t i = 0; i < ranges && in.makes_sense(); ++i) {
    parts.rests_on.push_back(read_range(in, disk_size));
    if (parts.rests_on.back().range.length == 0) return std::nullopt;
  }
  if (!in.makes_sense()) return std::nullopt;
  parts.units = read_units(in.rest(), unit, disk_size);
  if (parts.units == nullptr) return std::nullopt;
  DecodedLeftOut decoded{.left_out = nullptr, .units = parts.units};
  decoded.left_out = std::make_shared<FoundLeftOut>(std::move(parts));
  return decoded;
}

}  // namespace qcow2stream
