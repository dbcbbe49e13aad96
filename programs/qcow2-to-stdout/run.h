// SPDX-License-Identifier: GPL-2.0-or-later
//
// One run of the program from its job to the last byte: the steps of docs/architecture.md.

#pragma once

#include "qcow2-to-stdout/job.h"
#include "qcow2-to-stdout/session.h"

namespace qcow2stream::cli {

// Writes the image, or what --measure says of it. Throws UsageError, Error and ReceiverFailed.
void run(const Job& job, Session& session);

}  // namespace qcow2stream::cli
