// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>

namespace qcow2stream {

// So many bytes a second, and not more, on the average. Thread-safe.
class RateLimit {
 public:
  // 0: there is no limit.
  explicit RateLimit(std::uint64_t bytes_per_second) : rate_(bytes_per_second) {}

  // `bytes` have been, or are going to be, moved: waits until those before them have had their
  // time, but for less than a millisecond of it. What was not used while nothing was moved is not
  // made up for.
  void take(std::uint64_t bytes);

 private:
  std::uint64_t rate_;
  std::mutex mutex_;
  std::chrono::steady_clock::time_point free_;  // when what was taken has had its time
};

}  // namespace qcow2stream
