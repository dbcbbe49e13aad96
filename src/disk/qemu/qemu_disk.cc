// SPDX-License-Identifier: GPL-2.0-or-later

#include <fmt/format.h>

#include "disk/qemu/node.h"
#include "disk/qemu/server.h"
#include "qcow2stream/error.h"
#include "qcow2stream/qemu.h"

namespace qcow2stream {

std::shared_ptr<const Disk> open_qemu(const std::string& path, const std::string& format,
                                      const QemuOptions& options) {
  return serve_with_qemu(qemu_file(path, format, options), {}, options.nbd);
}

std::shared_ptr<const Disk> open_qemu_node(const std::string& blockdev,
                                           const std::vector<std::string>& objects,
                                           const NbdOptions& options) {
  return serve_with_qemu(qemu_block_node(blockdev, objects), {}, options);
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
