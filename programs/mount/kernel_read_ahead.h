// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <string>

namespace qcow2stream::cli {

// Lets the kernel ask the file system that was mounted last on `directory`, a path without links,
// for more at once than the 128 KiB that it allows programs to wish for. Only root may do that, by
// /sys/class/bdi (Documentation/ABI/testing/sysfs-class-bdi); where it cannot be done nothing
// happens. A file has what was allowed when it was opened; the answer to FUSE_INIT sets it back.
void let_kernel_read_ahead(const std::string& directory) noexcept;

}  // namespace qcow2stream::cli
