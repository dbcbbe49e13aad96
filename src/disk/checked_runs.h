// SPDX-License-Identifier: GPL-2.0-or-later
//
// The runs that a source tells can be wrong. File systems, servers and disks of the caller's own
// have answered with runs that stand still, go back, overlap, leave gaps, end early or lie behind
// the end of the disk. An answer that makes no sense says nothing, and a range of which nothing is
// said may hold data.

#pragma once

#include <memory>

#include "qcow2stream/run.h"

namespace qcow2stream {

// The same runs as far as they make sense: ascending, without gaps, none empty, from the beginning
// of `range` to its end. A gap is data. The part of a run that lies before the place that the walk
// has reached is left out. A run of zeros, or of what has not changed, is not believed if it goes
// on behind the end of the range. After the first answer that does not bring the walk forward
// nothing more is asked, so the walk ends whatever the source does.
std::unique_ptr<RunCursor> checked_runs(std::unique_ptr<RunCursor> told, GuestRange range);

}  // namespace qcow2stream
