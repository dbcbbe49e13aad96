// SPDX-License-Identifier: GPL-2.0-or-later

#include "disk/qemu/node.h"
#include "disk/qemu/server.h"
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
  const auto info =
      qemu_image_info(qemu_file(path, "", options), "qemu-img cannot tell its format");
  return info.at("format").get<std::string>();
}

}  // namespace qcow2stream
