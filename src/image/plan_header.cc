// SPDX-License-Identifier: GPL-2.0-or-later

#include "image/plan_header.h"

#include <nlohmann/json.hpp>
#include <stdexcept>
#include <type_traits>

#include "base/hex.h"
#include "qcow2stream/root.h"

namespace qcow2stream {
namespace {

using Json = nlohmann::json;

// Names of files may hold any byte, JSON only UTF-8.
std::string name_of_json(const Json& json) {
  return from_hex(json.get<std::string>());
}

// Json's get() takes any number for any other.
template <class Number>
Number number(const Json& json, const char* key) {
  const Json& value = json.at(key);
  const bool good =
      std::is_signed_v<Number> ? value.is_number_integer() : value.is_number_unsigned();
  if (!good) throw std::invalid_argument(key);
  const auto number = value.get<Number>();
  if (Json(number) != value) throw std::out_of_range(key);
  return number;
}

Json options_to_json(const ImageOptions& options) {
  Json json = {{"cluster-size", options.cluster_size},
               {"refcount-bits", options.refcount_bits},
               {"version", options.version},
               {"extended-l2", options.extended_l2}};
  if (options.bitmaps) json["bitmaps"] = true;
  if (options.root_record) {
    json["root-record"] = {{"trailer", options.root_record->trailer}};
    if (options.root_record->parent) {
      json["root-record"]["parent"] = root_text(*options.root_record->parent);
    }
  }
  if (options.data_file) {
    json["data-file"] = {{"name", hex(options.data_file->name)}, {"raw", options.data_file->raw}};
  }
  if (options.backing_file) {
    json["backing-file"] = {{"name", hex(options.backing_file->name)},
                            {"format", hex(options.backing_file->format)}};
  }
  if (options.compression) {
    json["compression"] = {{"zstd", options.compression->type == CompressionType::kZstd},
                           {"deflate-window", options.compression->deflate_window}};
    if (options.compression->keep) json["compression"]["keep"] = true;
    if (options.compression->level) json["compression"]["level"] = *options.compression->level;
  }
  return json;
}

Compression compression_from_json(const Json& json) {
  Compression compression{
      .type = json.at("zstd").get<bool>() ? CompressionType::kZstd : CompressionType::kZlib,
      .level = std::nullopt,
      .deflate_window = number<std::uint32_t>(json, "deflate-window")};
  compression.keep = json.value("keep", false);
  if (json.contains("level")) compression.level = number<int>(json, "level");
  return compression;
}

RootRecord root_record_from_json(const Json& json) {
  RootRecord record{.trailer = json.at("trailer").get<bool>()};
  if (json.contains("parent")) {
    record.parent = parse_root(json.at("parent").get<std::string>());
    if (!record.parent) throw std::invalid_argument("parent");
  }
  return record;
}

ImageOptions options_from_json(const Json& json) {
  ImageOptions options{.cluster_size = number<std::uint32_t>(json, "cluster-size"),
                       .refcount_bits = number<unsigned>(json, "refcount-bits"),
                       .version = number<unsigned>(json, "version"),
                       .extended_l2 = json.at("extended-l2").get<bool>(),
                       .bitmaps = json.value("bitmaps", false)};
  if (json.contains("root-record")) {
    options.root_record = root_record_from_json(json.at("root-record"));
  }
  if (json.contains("data-file")) {
    const Json& file = json.at("data-file");
    options.data_file =
        DataFile{.name = name_of_json(file.at("name")), .raw = file.at("raw").get<bool>()};
  }
  if (json.contains("backing-file")) {
    const Json& file = json.at("backing-file");
    options.backing_file = BackingFile{.name = name_of_json(file.at("name")),
                                       .format = name_of_json(file.at("format"))};
  }
  if (json.contains("compression")) {
    options.compression = compression_from_json(json.at("compression"));
  }
  return options;
}

}  // namespace

std::string encode_plan_header(const SavedPlan& plan) {
  Json json = {{"disk-size", plan.disk_size},
               {"image-id", plan.image_id},
               {"codec", plan.codec},
               {"options", options_to_json(plan.options)}};
  if (plan.stamp) {
    json["stamp"] = {{"size", plan.stamp->size}, {"mtime-ns", plan.stamp->mtime_ns}};
    if (plan.stamp->others != 0) json["stamp"]["others"] = plan.stamp->others;
  }
  if (plan.top_images > 0) json["top-images"] = plan.top_images;
  return json.dump();
}

std::optional<SavedPlan> decode_plan_header(std::string_view text) {
  try {
    const Json json = Json::parse(text);
    SavedPlan plan;
    plan.disk_size = number<std::uint64_t>(json, "disk-size");
    plan.image_id = json.at("image-id").get<std::string>();
    plan.codec = json.at("codec").get<std::string>();
    plan.options = options_from_json(json.at("options"));
    // What was written before there could be more than one.
    if (json.value("shallow", false)) plan.top_images = 1;
    if (json.contains("top-images")) {
      plan.top_images = number<std::uint64_t>(json, "top-images");
    }
    if (json.contains("stamp")) {
      plan.stamp = DiskStamp{.size = number<std::uint64_t>(json.at("stamp"), "size"),
                             .mtime_ns = number<std::int64_t>(json.at("stamp"), "mtime-ns")};
      if (json["stamp"].contains("others")) {
        plan.stamp->others = number<std::uint64_t>(json["stamp"], "others");
      }
    }
    if (find_problem(plan.options)) return std::nullopt;
    return plan;
  } catch (const Json::exception&) {
  } catch (const std::logic_error&) {  // number(), from_hex()
  }
  return std::nullopt;
}

}  // namespace qcow2stream
