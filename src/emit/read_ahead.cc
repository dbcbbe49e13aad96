// SPDX-License-Identifier: GPL-2.0-or-later

#include "emit/read_ahead.h"

#include <algorithm>

namespace qcow2stream {
namespace {

// How far the disk is told ahead, and in which steps. Reading 4.5 GiB of a cold file into a pipe
// took 8.5-10.6 s with the kernel's own readahead, 3.4-3.8 s with this and 3.9-4.0 s with 16 MiB.
constexpr std::uint64_t kReadAhead = 32 << 20;
constexpr std::uint64_t kReadAheadStep = 1 << 20;

}  // namespace

ReadAhead::ReadAhead(const Emitted& what, HostRange range)
    : what_(what), segments_(what.segments(range)), position_(range.begin) {}

void ReadAhead::advance(HostOffset written) {
  while (position_ < written + kReadAhead) {
    if (rest_.range.length == 0) {
      const auto next = segments_->next();
      if (!next) return;
      rest_ = *next;
    }
    const std::uint64_t n = std::min(rest_.range.length, kReadAheadStep);
    if (rest_.kind == Segment::Kind::kDisk) what_.disk().will_read({rest_.disk_offset, n});
    if (rest_.kind == Segment::Kind::kCompressed && what_.keeps_compressed()) {
      what_.will_read_stored(rest_.range.first(n));
    }
    rest_.disk_offset += n;
    rest_.range = rest_.range.without_first(n);
    position_ = rest_.range.begin;
  }
}

}  // namespace qcow2stream
