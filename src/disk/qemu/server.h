// SPDX-License-Identifier: GPL-2.0-or-later
//
// QEMU as a server of one disk, in a process of its own that ends with us.

#pragma once

#include <memory>
#include <string>

#include "disk/nbd/nbd_disk.h"
#include "disk/qemu/node.h"
#include "qcow2stream/nbd.h"

namespace qcow2stream {

// What the server is to tell of the disk, besides what is data.
struct QemuTells {
  bool allocation_depth = false;
  std::string bitmap;  // the bare name of a dirty bitmap; empty if there is none
};

// Starts qemu-storage-daemon, or qemu-nbd where only that is installed, and connects to it. Throws
// Error{kFailed} with QEMU's words, or with what to install.
std::shared_ptr<const NbdDisk> serve_with_qemu(const QemuSource& source, const QemuTells& tells,
                                               const NbdOptions& options);

}  // namespace qcow2stream
