// SPDX-License-Identifier: GPL-2.0-or-later
//
// Progress is polled, not called back: the library only stores numbers, whoever wants to show them
// looks at them as often as it likes, from any thread.

#pragma once

#include <atomic>
#include <cstdint>

namespace qcow2stream {

// How many bytes are done, and how many there are in total: of the stream that open_stream() reads,
// of the disk's data that the survey deals with, of a target that a restore reads before it changes
// it, and of the image that emit() writes or the disk that is restored. Numbers only rise. A total
// of 0 means that the step has not begun; for a stream also that its size is unknown.
struct Progress {
  std::atomic<std::uint64_t> spool_done = 0;
  std::atomic<std::uint64_t> spool_total = 0;
  std::atomic<std::uint64_t> survey_done = 0;
  std::atomic<std::uint64_t> survey_total = 0;
  std::atomic<std::uint64_t> check_done = 0;
  std::atomic<std::uint64_t> check_total = 0;
  std::atomic<std::uint64_t> emit_done = 0;
  std::atomic<std::uint64_t> emit_total = 0;
};

}  // namespace qcow2stream
