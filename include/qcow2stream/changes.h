// SPDX-License-Identifier: GPL-2.0-or-later
//
// Changes say which parts of a disk belong into an increment, as the disk's source tells it.

#pragma once

#include <memory>

#include "qcow2stream/disk.h"
#include "qcow2stream/run.h"

namespace qcow2stream {

// All functions are const and may be called by several threads at once.
class Changes {
 public:
  virtual ~Changes() = default;
  // The runs of the whole disk. A run of kBelow has not changed; one of kData has changed and may
  // still read as zeros; one of kZeros has changed and reads as zeros. Throws Error.
  [[nodiscard]] virtual std::unique_ptr<RunCursor> runs() const = 0;
};

// What opening a source gives. `changes` may use `disk` and keeps it alive.
struct Opened {
  std::shared_ptr<const Disk> disk;
  std::shared_ptr<const Changes> changes;  // null unless the source was asked for them
};

}  // namespace qcow2stream
