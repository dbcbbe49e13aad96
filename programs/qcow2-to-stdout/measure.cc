// SPDX-License-Identifier: GPL-2.0-or-later

#include "qcow2-to-stdout/measure.h"

#include <fmt/format.h>

#include <utility>

#include "common/size.h"
#include "qcow2-to-stdout/left_out.h"
#include "qcow2stream/manifest.h"

namespace qcow2stream::cli {
namespace {

nlohmann::ordered_json dropped(const Qcow2Remainder& remainder) {
  nlohmann::ordered_json json;
  if (remainder.snapshots != 0) json["snapshots"] = remainder.snapshots;
  if (remainder.vm_state_bytes != 0) json["vm-state"] = remainder.vm_state_bytes;
  if (!remainder.bitmaps.empty()) json["bitmaps"] = remainder.bitmaps;
  return json;
}

}  // namespace

nlohmann::ordered_json measure_json(const Image& image, const OpenedSource& source,
                                    std::optional<HostRange> range) {
  const Measurement m = image.measure();
  nlohmann::ordered_json json;
  json["required"] = m.required;
  json["fully-allocated"] = m.fully_allocated;
  json["virtual-size"] = m.virtual_size;
  json["cluster-size"] = image.options().cluster_size;
  json["refcount-bits"] = image.options().refcount_bits;
  json["compat"] = image.options().version == 2 ? "0.10" : "1.1";
  const auto& compression = image.options().compression;
  const bool zstd = compression && compression->type == CompressionType::kZstd;
  json["compression-type"] = zstd ? "zstd" : "zlib";
  json["clusters"] = {{"data", m.data},
                      {"zero", m.zero},
                      {"compressed", m.compressed},
                      {"unallocated", m.unallocated}};
  nlohmann::ordered_json regions;
  for (const NamedRegion& region : m.regions) regions[region.name] = region.range.length;
  json["regions"] = regions;
  json["change-detection"] = m.detects_changes ? "stat" : "none";
  if (source.reader != Reader::kNobody) {
    json["reader"] = source.reader == Reader::kQemu ? "qemu" : "native";
  }
  if (auto rest = dropped(source.remainder); !rest.empty()) json["dropped"] = std::move(rest);
  if (const auto left_out = image.left_out()) json["left-out"] = left_out_json(*left_out);
  if (image.content() != nullptr) json["content-root"] = root_text(image.content()->root());
  json["image-id"] = image.id();
  if (range) {
    json["offset"] = range->begin.value();
    json["length"] = range->length;
  }
  return json;
}

namespace {

// Names in an image may be any bytes.
constexpr auto kReplaceOddText = nlohmann::ordered_json::error_handler_t::replace;

std::string json_text(const Image& image, const OpenedSource& source, HostRange range,
                      bool is_part) {
  const auto asked = is_part ? std::optional(range) : std::nullopt;
  return measure_json(image, source, asked).dump(2, ' ', false, kReplaceOddText) + "\n";
}

std::string human_text(const Image& image, HostRange range, bool is_part) {
  const Measurement m = image.measure();
  std::string text =
      fmt::format("required size: {}\nfully allocated size: {}\n", m.required, m.fully_allocated);
  if (is_part) {
    text += fmt::format("range: {} bytes from offset {}\n", range.length, range.begin.value());
  }
  text += fmt::format("virtual size: {} ({})\n", m.virtual_size, format_size(m.virtual_size));
  text += fmt::format("cluster size: {}\n", image.options().cluster_size);
  text += fmt::format("clusters: {} data, ", m.data);
  if (image.options().compression) text += fmt::format("{} compressed, ", m.compressed);
  text += fmt::format("{} unallocated\n", m.unallocated);
  for (const NamedRegion& region : m.regions) {
    text += fmt::format("  {:<20}{:>16} bytes at {}\n", region.name, region.range.length,
                        region.range.begin.value());
  }
  if (const auto left_out = image.left_out()) text += left_out_text(*left_out);
  text += fmt::format("image-id: {}\n", image.id());
  return text;
}

}  // namespace

std::string measure_text(const Image& image, const OpenedSource& source, HostRange range,
                         bool is_part, MeasureFormat format) {
  switch (format) {
    case MeasureFormat::kHuman:
      return human_text(image, range, is_part);
    case MeasureFormat::kJson:
      return json_text(image, source, range, is_part);
    case MeasureFormat::kSize:
      return fmt::format("{}\n", range.length);
    case MeasureFormat::kId:
      return image.id() + "\n";
    case MeasureFormat::kRoot:
      return root_text(image.content()->root()) + "\n";
  }
  return "";
}

}  // namespace qcow2stream::cli
