// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <atomic>
#include <cstdint>

namespace qcow2stream {

// What is written to a file that will be flushed. The kernel lets it lie in memory until a tenth of
// that is full, so a flush at the end would find most of it there, and the disk would have had
// nothing to do before. Here it is told to begin. Several threads may use it at once.
class EarlyWriteBack {
 public:
  // So many bytes of the file were written.
  void wrote(int fd, std::uint64_t bytes);

 private:
  std::atomic<std::uint64_t> waiting_ = 0;
};

}  // namespace qcow2stream
