// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace qcow2stream {

// How many pieces to read ahead. The fewer, the more stays in the processor's caches on its way
// from a server nearby; a server far away needs more, to have them under way all the time. So there
// are few at first, and twice as many for as long as that is clearly faster.
class ReadWindow {
 public:
  using Time = std::chrono::steady_clock::time_point;

  static constexpr std::size_t kFewest = 16;
  static constexpr std::size_t kMost = 64;

  [[nodiscard]] std::size_t size() const { return size_; }

  // A piece has been read. True if there may be more at once from now on.
  bool count(Time now);

 private:
  std::size_t size_ = kFewest;
  std::uint64_t counted_ = 0;  // pieces since size_ has been what it is
  Time begin_;                 // when the first size_ of them were there
  double speed_ = 0;           // pieces a second with half as many
  bool settled_ = false;
};

}  // namespace qcow2stream
