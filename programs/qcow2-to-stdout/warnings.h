// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include "common/ends.h"
#include "qcow2-to-stdout/job.h"
#include "qcow2-to-stdout/open_input.h"

namespace qcow2stream::cli {

// Says what the user should know before trusting in the image.
void warn(const Job& job, const Disks& disks, const Ends& ends);

}  // namespace qcow2stream::cli
