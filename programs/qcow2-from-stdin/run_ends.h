// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <vector>

#include "common/ends.h"
#include "qcow2-from-stdin/job.h"

namespace qcow2stream::cli {

// All files and descriptors of a run. `sources` are those of its images.
Ends ends_of(const Job& job, const std::vector<Source>& sources);

}  // namespace qcow2stream::cli
