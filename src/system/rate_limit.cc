// SPDX-License-Identifier: GPL-2.0-or-later

#include "system/rate_limit.h"

#include <algorithm>
#include <thread>

namespace qcow2stream {

void RateLimit::take(std::uint64_t bytes) {
  if (rate_ == 0 || bytes == 0) return;
  std::chrono::steady_clock::time_point begin;
  {
    const std::lock_guard lock(mutex_);
    begin = std::max(free_, std::chrono::steady_clock::now());
    const std::chrono::duration<double> time(static_cast<double>(bytes) /
                                             static_cast<double>(rate_));
    // Nobody waits for longer than this.
    constexpr std::chrono::duration<double> kLongest = std::chrono::hours(24 * 365);
    free_ = begin + std::chrono::duration_cast<std::chrono::steady_clock::duration>(
                        std::min(time, kLongest));
  }
  // What is taken in small pieces waits once for many of them: whoever sleeps sleeps longer than
  // asked for.
  constexpr std::chrono::milliseconds kShortest(1);
  if (begin - std::chrono::steady_clock::now() < kShortest) return;
  std::this_thread::sleep_until(begin);
}

}  // namespace qcow2stream
