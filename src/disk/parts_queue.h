// SPDX-License-Identifier: GPL-2.0-or-later
//
// A queue of a disk whose bytes lie in other disks, but for those that are made when they are
// asked for. It hands each part of a request to the queue of the disk that holds it.

#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "qcow2stream/disk.h"
#include "qcow2stream/error.h"
#include "qcow2stream/types.h"

namespace qcow2stream {

// A part of a disk that lies in one place.
struct DiskPart {
  GuestRange range;
  const Disk* disk = nullptr;  // null: it has to be made
  GuestOffset offset;          // where it begins in `disk`
};

// Says where the parts of a disk lie. Belongs to one thread.
class DiskParts {
 public:
  virtual ~DiskParts() = default;
  // What `range` begins with, which is not empty. Throws Error.
  virtual DiskPart part_at(GuestRange range) = 0;
  // Fills `out` with what begins at `offset`, a part that part_at() has given and that has to be
  // made. Throws Error.
  virtual void make(GuestOffset offset, std::span<std::byte> out) = 0;
  // The same for RequestQueue::submit_probe(), of a part of the beginning of `cluster`.
  virtual void make_probe(GuestRange /*cluster*/, GuestOffset offset, std::span<std::byte> out) {
    make(offset, out);
  }
};

std::unique_ptr<RequestQueue> make_parts_queue(std::unique_ptr<DiskParts> parts);

// An error of the disk that holds a part has the offset in that disk. holds() says whether it is
// about this part, and set_disk_offset() gives it the offset in the disk that the part is of. Its
// message stays.
[[nodiscard]] bool holds(const DiskPart& part, const Error& error);
void set_disk_offset(Error& error, const DiskPart& part);

}  // namespace qcow2stream
