// SPDX-License-Identifier: GPL-2.0-or-later
//
// What has changed, as an image of QEMU's knows it. Each is what open_qemu() and open_qemu_node()
// promise of it.

#pragma once

#include <cstdint>
#include <string>

#include "disk/qemu/node.h"
#include "qcow2stream/changes.h"
#include "qcow2stream/qemu.h"

namespace qcow2stream {

// By a dirty bitmap of the image `path`.
Opened open_file_with_bitmap(const std::string& path, const std::string& format,
                             const std::string& bitmap, const QemuOptions& options);

// By a dirty bitmap of a node as --blockdev describes it.
Opened open_node_with_bitmap(const QemuSource& node, const std::string& bitmap,
                             const NbdOptions& options);

// By what the image `path` holds itself, in units of `unit` bytes.
Opened open_top_image(const std::string& path, const std::string& format, std::uint64_t unit,
                      const QemuOptions& options);

}  // namespace qcow2stream
