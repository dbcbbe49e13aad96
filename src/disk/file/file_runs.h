// SPDX-License-Identifier: GPL-2.0-or-later
//
// The runs of a file, as far as the file system's answers make sense (system/holes.h).

#pragma once

#include <cstdint>
#include <memory>

#include "qcow2stream/run.h"

namespace qcow2stream {

// The runs of `range`, a part of the file `fd` of `size` bytes, with their places. Moves the
// position of `fd`, which nobody else may use meanwhile. The walk never stands still and never
// leaves the range.
std::unique_ptr<RunCursor> file_runs(int fd, std::uint64_t size, GuestRange range);

}  // namespace qcow2stream
