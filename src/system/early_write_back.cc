// SPDX-License-Identifier: GPL-2.0-or-later

#include "system/early_write_back.h"

#include <fcntl.h>

namespace qcow2stream {
namespace {

constexpr std::uint64_t kEnough = 32U << 20;  // bytes

}  // namespace

// It is not waited for. What it meets with, the flush says; what has no page cache refuses.
void EarlyWriteBack::wrote(int fd, std::uint64_t bytes) {
  const std::uint64_t before = waiting_.fetch_add(bytes, std::memory_order_relaxed);
  if (before / kEnough == (before + bytes) / kEnough) return;
  static_cast<void>(::sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE));
}

}  // namespace qcow2stream
