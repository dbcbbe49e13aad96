// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace qcow2stream {

// Finds out how many pieces to read ahead. With few of them, more stays in the processor's caches
// on its way from a server nearby. A server far away needs more, so that some are under way all the
// time. So there are few at first, and twice as many for as long as that is clearly faster.
class ReadWindow {
 public:
  using Time = std::chrono::steady_clock::time_point;

  static constexpr std::size_t kFewest = 16;
  static constexpr std::size_t kMost = 64;

  [[nodiscard]] std::size_t size() const { return size_; }

  // Is called when a piece has been read. True if there may be more at once from now on.
  bool count(Time now);

 private:
  std::size_t size_ = kFewest;
  std::uint64_t counted_ = 0;  // how many pieces were read with the present size_
  Time begin_;                 // when the first size_ of them had been read
  double speed_ = 0;           // pieces a second with half the size
  bool settled_ = false;
};

}  // namespace qcow2stream
