// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include "qcow2-from-stdin/job.h"
#include "qcow2-from-stdin/session.h"

namespace qcow2stream::cli {

// Does the job. Throws Error and UsageError.
void run(const Job& job, Session& session);

}  // namespace qcow2stream::cli
