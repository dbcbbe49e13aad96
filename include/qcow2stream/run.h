// SPDX-License-Identifier: GPL-2.0-or-later
//
// A Run is a piece of a disk that is alike from end to end. What a disk may hold, what of it has
// changed, and where its bytes lie are all told in runs.

#pragma once

#include <cstdint>
#include <optional>

#include "qcow2stream/place.h"
#include "qcow2stream/types.h"

namespace qcow2stream {

struct Run {
  enum class Holds {
    kData,   // anything: the bytes may still be zeros
    kZeros,  // reads as zeros
    kBelow,  // unchanged: what an increment is based on has it
  };
  GuestRange range;
  Holds holds = Holds::kData;
  // Where the bytes lie, for a run of data of which run_at() of a disk knows it.
  std::optional<Place> where;

  [[nodiscard]] bool is_data() const { return holds == Holds::kData; }
};

constexpr Run::Holds data_or_zeros(bool data) {
  return data ? Run::Holds::kData : Run::Holds::kZeros;
}

// Walks runs in ascending order, without gaps and overlaps, until the range that it was made for is
// covered. One cursor belongs to one thread and must not outlive what it comes from.
class RunCursor {
 public:
  virtual ~RunCursor() = default;
  // The next run (never empty), or nothing at the end of the range. Throws Error.
  virtual std::optional<Run> next() = 0;
};

}  // namespace qcow2stream
