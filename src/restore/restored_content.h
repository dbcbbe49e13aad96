// SPDX-License-Identifier: GPL-2.0-or-later
//
// What an image says of its disk, as it is found out.

#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "qcow2stream/types.h"
#include "restore/chunk_reader.h"

namespace qcow2stream {

// Takes each byte of the disk once. No range is empty or reaches beyond the end of the disk.
// Belongs to one thread. What throws is an Error.
class RestoredContent {
 public:
  virtual ~RestoredContent() = default;

  virtual void data(GuestOffset at, SharedBytes bytes) = 0;
  // The compressed data of a cluster, which lies at `at` in the image; there may be more behind its
  // end. `range` is what of the cluster belongs to the disk.
  virtual void compressed(GuestRange range, HostOffset at, std::vector<std::byte> blob) = 0;
  virtual void zeros(GuestRange range) = 0;
  // The image leaves it to its backing file.
  virtual void below(GuestRange range) = 0;
  // What the image says of it cannot be used, for something that it has, or should have, at `at`.
  // Throws Error{kDamaged} unless the image is salvaged.
  virtual void lost(GuestRange range, HostOffset at, const std::string& reason) = 0;

  // Nothing more comes of the chunk whose bytes came last, so they should not be held for long.
  virtual void end_chunk() = 0;
};

}  // namespace qcow2stream
