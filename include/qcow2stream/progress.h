// SPDX-License-Identifier: GPL-2.0-or-later
//
// Progress is polled, not called back: the library only stores numbers, whoever wants to show them
// looks at them as often as it likes, from any thread.

#pragma once

#include <atomic>
#include <cstdint>

namespace qcow2stream {

// `done` of `total` bytes of the stream that open_stream() has read, of the disk's data that the
// survey has dealt with, or of the image that emit() has written. Each rises only; a total of 0
// means that the step has not begun, or of a stream that its size is not known.
struct Progress {
  std::atomic<std::uint64_t> spool_done = 0;
  std::atomic<std::uint64_t> spool_total = 0;
  std::atomic<std::uint64_t> survey_done = 0;
  std::atomic<std::uint64_t> survey_total = 0;
  std::atomic<std::uint64_t> emit_done = 0;
  std::atomic<std::uint64_t> emit_total = 0;
};

}  // namespace qcow2stream
