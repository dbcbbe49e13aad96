// SPDX-License-Identifier: GPL-2.0-or-later

#include "qcow2-to-stdout/header_info.h"

#include <fmt/format.h>

#include <cerrno>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/errors.h"
#include "qcow2stream/error.h"

namespace qcow2stream::cli {
namespace {

// That of an image with 65535 bitmaps and snapshots has less.
constexpr std::size_t kMostBytes = 64U << 20;

// QEMU nests a few levels for each node below the image.
constexpr int kMostNesting = 256;

using Json = nlohmann::json;

[[noreturn]] void refuse(const std::string& path, const std::string& reason) {
  throw Error(ErrorKind::kFailed, path, "is not the output of qemu-img info --output=json", reason);
}

std::string read_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw system_error(path, "cannot be opened", errno);
  std::string text(1U << 16, '\0');
  std::size_t used = 0;
  while (file.read(text.data() + used, static_cast<std::streamsize>(text.size() - used)),
         file.gcount() > 0) {
    used += static_cast<std::size_t>(file.gcount());
    if (used > kMostBytes) refuse(path, "it is too long");
    if (used == text.size()) text.resize(2 * used);
  }
  if (file.bad()) throw system_error(path, "read failed", errno);
  text.resize(used);
  return text;
}

std::uint64_t number(const std::string& path, const Json& json, const char* key) {
  const auto found = json.find(key);
  if (found == json.end() || !found->is_number_unsigned()) {
    refuse(path, fmt::format("it has no number '{}'", key));
  }
  return found->get<std::uint64_t>();
}

}  // namespace

HeaderInfo read_header_info(const std::string& path) {
  // Only the first level is kept, so that the object takes little memory whatever there is in it.
  const auto keep = [&path](int depth, Json::parse_event_t /*event*/, const Json& /*value*/) {
    if (depth > kMostNesting) refuse(path, "it is nested too deeply");
    return depth <= 1;
  };
  const Json json = Json::parse(read_text(path), keep, false);
  if (!json.is_object()) refuse(path, "it is not a JSON object");
  HeaderInfo info{.virtual_size = number(path, json, "virtual-size"), .cluster_size = {}};
  if (json.contains("cluster-size")) info.cluster_size = number(path, json, "cluster-size");
  return info;
}

}  // namespace qcow2stream::cli
