// SPDX-License-Identifier: GPL-2.0-or-later

#include <fmt/format.h>

#include "disk/qemu/changes.h"
#include "disk/qemu/node.h"
#include "disk/qemu/server.h"
#include "qcow2stream/error.h"
#include "qcow2stream/qemu.h"

namespace qcow2stream {

Opened open_qemu(const std::string& path, const std::string& format, const QemuOptions& options) {
  const std::optional<std::string>& bitmap = options.nbd.bitmap;
  if (bitmap && options.top_image_unit) {
    throw Error(ErrorKind::kUsage, path, "",
                "a bitmap and the top image cannot both say what has changed");
  }
  if (bitmap) return open_file_with_bitmap(path, format, *bitmap, options);
  if (options.top_image_unit) return open_top_image(path, format, *options.top_image_unit, options);
  return {.disk = serve_with_qemu(qemu_file(path, format, options), {}, options.nbd),
          .changes = nullptr};
}

Opened open_qemu_node(const std::string& blockdev, const std::vector<std::string>& objects,
                      const NbdOptions& options) {
  const QemuSource node = qemu_block_node(blockdev, objects);
  if (options.bitmap) return open_node_with_bitmap(node, *options.bitmap, options);
  return {.disk = serve_with_qemu(node, {}, options), .changes = nullptr};
}

std::string probe_format(const std::string& path, const QemuOptions& options) {
  constexpr const char* kCannotTell = "qemu-img cannot tell its format";
  const QemuSource source = qemu_file(path, "", options);
  auto format = qemu_image_info(source, kCannotTell).at("format").get<std::string>();
  if (format != "raw") return format;
  // qemu-img was asked about the content alone, and knows this format by the file's name.
  if (path.ends_with(".dmg")) return "dmg";
  if (const auto trailer = image_trailer(*source.file)) {
    throw Error(ErrorKind::kFailed, path, kCannotTell,
                fmt::format("it is raw for QEMU, and ends like a {} image", *trailer))
        .about(ErrorSubject::kDisk)
        .advise(Advice::kNameFormat);
  }
  return format;
}

}  // namespace qcow2stream
