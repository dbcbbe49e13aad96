// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <memory>

#include "emit/emitted.h"

namespace qcow2stream {

// Tells the disk what will be read next, so that it has several large requests to work on while the
// output takes what came before. Belongs to one thread.
class ReadAhead {
 public:
  // `what` must outlive it.
  ReadAhead(const Emitted& what, HostRange range);

  // Is called when all before `written` has been written.
  void advance(HostOffset written);

 private:
  const Emitted& what_;
  const std::unique_ptr<SegmentCursor> segments_;
  Segment rest_;
  HostOffset position_;  // all before it has been announced
};

}  // namespace qcow2stream
