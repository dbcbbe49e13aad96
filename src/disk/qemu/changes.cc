// SPDX-License-Identifier: GPL-2.0-or-later
//
// Opens a dirty bitmap that is kept in an image. What the top image of a chain holds is found in
// shallow.cc.

#include "disk/qemu/changes.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <string_view>
#include <utility>

#include "disk/listed_names.h"
#include "disk/nbd/context.h"
#include "disk/qemu/node.h"
#include "disk/qemu/server.h"
#include "qcow2stream/error.h"

namespace qcow2stream {
namespace {

using Json = nlohmann::json;

constexpr const char* kCannotOpen = "QEMU cannot open it";

// The name of a bitmap without QEMU's prefix, which says nothing here, since all bitmaps are
// QEMU's.
std::string bare_name(const std::string& bitmap) {
  return bitmap.starts_with(kDirtyBitmapPrefix) ? bitmap.substr(kDirtyBitmapPrefix.size()) : bitmap;
}

// Refuses a bitmap that cannot be used. The server would also look for it in the images below, and
// say less about what is wrong.
void check_bitmap(const QemuSource& source, const Json& info, const std::string& bitmap) {
  const Json data = info.value(Json::json_pointer("/format-specific/data"), Json::object());
  std::vector<std::string> names;
  for (const Json& entry : data.value("bitmaps", Json::array())) {
    names.push_back(entry.value("name", ""));
    if (names.back() != bitmap) continue;
    const Json flags = entry.value("flags", Json::array());
    if (std::ranges::find(flags, Json("in-use")) == flags.end()) return;
    throw Error(ErrorKind::kFailed, source.name,
                fmt::format("its dirty bitmap '{}' cannot be used", bitmap),
                "it was not saved when the image was last in use, so changes are missing in it");
  }
  throw Error(ErrorKind::kFailed, source.name, fmt::format("has no dirty bitmap '{}'", bitmap),
              join_names(names, "the image has none"));
}

Opened open_with_bitmap(const QemuSource& source, const std::string& bitmap,
                        const NbdOptions& options) {
  if (bitmap.empty() || !is_utf8(bitmap)) {
    throw Error(ErrorKind::kUsage, bitmap, "", "not the name of a dirty bitmap");
  }
  auto disk = serve_with_qemu(source, {.bitmap = bitmap}, options);
  return {disk, make_changes(disk)};
}

// Does so only for qcow2. Other nodes may have the bitmap in a node below them, and QEMU itself
// refuses what it does not find.
void check_bitmap_if_qcow2(const QemuSource& source, const std::string& bitmap) {
  if (!Json::parse(source.node.text).contains("driver")) return;  // qemu-img would guess
  Json info;
  try {
    info = qemu_image_info(source, kCannotOpen);
  } catch (const Error&) {
    return;
  }
  if (info.value("format", "") == "qcow2") check_bitmap(source, info, bitmap);
}

}  // namespace

Opened open_file_with_bitmap(const std::string& path, const std::string& format,
                             const std::string& bitmap, const QemuOptions& options) {
  const QemuSource source = qemu_file(path, format, options);
  const std::string name = bare_name(bitmap);
  check_bitmap(source, qemu_image_info(source, kCannotOpen), name);
  return open_with_bitmap(source, name, options.nbd);
}

Opened open_node_with_bitmap(const QemuSource& node, const std::string& bitmap,
                             const NbdOptions& options) {
  const std::string name = bare_name(bitmap);
  check_bitmap_if_qcow2(node, name);
  return open_with_bitmap(node, name, options);
}

}  // namespace qcow2stream
