// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "qcow2stream/types.h"
#include "system/early_write_back.h"
#include "system/fd.h"

namespace qcow2stream {

// What a regular file and a block device have in common as targets: a descriptor that is read and
// written at any place, and a name for errors. Several threads may use it at once. All functions
// throw Error{kFailed} about the target.
class TargetDescriptor {
 public:
  TargetDescriptor(UniqueFd fd, std::string name);

  [[nodiscard]] int get() const { return fd_.get(); }
  [[nodiscard]] const std::string& name() const { return name_; }

  void read(GuestOffset offset, std::span<std::byte> buffer) const;
  void write(GuestOffset offset, std::span<const std::byte> bytes) const;
  // Writes zeros as data.
  void write_zeros(GuestRange range) const;

  // Returns when all is on stable storage. An error of a write that had returned shows here, once.
  void flush() const;
  // Flushes, and has the page cache forget all of it.
  void drop_cache() const;

 private:
  UniqueFd fd_;
  std::string name_;
  mutable EarlyWriteBack write_back_;  // a target is always flushed
};

}  // namespace qcow2stream
