// SPDX-License-Identifier: GPL-2.0-or-later

#include "mount/kernel_read_ahead.h"

#include <fmt/format.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <fstream>

#include "system/mounts.h"

namespace qcow2stream::cli {
namespace {

// The largest request of FUSE. 8 GiB with 4.9 GiB of data, warm, took a reader of 1 MiB at a time
// 1.7-1.9 s with it, 2.2-2.6 s with 256 KiB, 3.1-4.7 s with the kernel's 128 KiB and 2.0-2.2 s with
// 4 MiB.
constexpr unsigned kReadAheadKib = 1024;

}  // namespace

void let_kernel_read_ahead(const std::string& directory) noexcept try {
  const auto mounts = read_mounts("/proc");
  const auto is_it = [&](const auto& mount) {
    return mount.point == directory && mount.type.starts_with("fuse");
  };
  const auto mount = std::find_if(mounts.rbegin(), mounts.rend(), is_it);  // the latest
  if (mount == mounts.rend()) return;
  std::ofstream(
      fmt::format("/sys/class/bdi/{}:{}/read_ahead_kb", major(mount->device), minor(mount->device)))
      << kReadAheadKib;
} catch (...) {  // NOLINT(bugprone-empty-catch): it is read in smaller pieces
}

}  // namespace qcow2stream::cli
