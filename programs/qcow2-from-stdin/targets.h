// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <memory>

#include "qcow2-from-stdin/job.h"
#include "qcow2stream/target.h"

namespace qcow2stream::cli {

// Throws Error about the target.
std::unique_ptr<Target> open_target_of(const TargetJob& job);

// A target that is complete, to be compared once more with what should be in it: it is read, and
// nothing else. `target` must outlive it.
std::unique_ptr<Target> read_back(Target& target);

}  // namespace qcow2stream::cli
