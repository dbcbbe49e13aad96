// SPDX-License-Identifier: GPL-2.0-or-later
//
// What is shown of a run's progress, by what it has to do.

#pragma once

#include "common/progress_display.h"
#include "common/progress_state.h"
#include "qcow2-to-stdout/job.h"

namespace qcow2stream::cli {

Shares progress_shares(const Job& job);

// Depends on what stdout and stderr are, too.
ProgressStyle progress_style(const Job& job);

}  // namespace qcow2stream::cli
