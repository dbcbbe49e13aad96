// SPDX-License-Identifier: GPL-2.0-or-later
//
// Changes: what of a disk belongs into an increment, as the disk's source tells it.

#pragma once

#include <memory>
#include <optional>

#include "qcow2stream/disk.h"
#include "qcow2stream/types.h"

namespace qcow2stream {

// A run of a disk.
struct Change {
  enum class Kind {
    kUnchanged,  // what an increment is based on has it
    kChanged,    // the disk has it, and may still read as zeros
    kZero,       // changed, and reads as zeros
  };
  GuestRange range;
  Kind kind = Kind::kChanged;
};

// Walks the changes in ascending order, without gaps and overlaps, until the disk is covered. One
// cursor belongs to one thread and must not outlive the Changes that it comes from.
class ChangeCursor {
 public:
  virtual ~ChangeCursor() = default;
  // The next run (never empty), or nothing at the end of the disk. Throws Error.
  virtual std::optional<Change> next() = 0;
};

// All functions are const and may be called by several threads at once.
class Changes {
 public:
  virtual ~Changes() = default;
  [[nodiscard]] virtual std::unique_ptr<ChangeCursor> cursor() const = 0;
};

// `changes` may use `disk` and keeps it alive.
struct DiskWithChanges {
  std::shared_ptr<const Disk> disk;
  std::shared_ptr<const Changes> changes;
};

}  // namespace qcow2stream
