// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <string>

#include "common/report.h"
#include "qcow2stream/salvage.h"

namespace qcow2stream::cli {

// A line for each range that was lost, on standard error and in the report, which may be null.
// `name` is that of the disk or of the image.
void say_lost(const std::string& name, const LostRanges& lost, Report* report);

}  // namespace qcow2stream::cli
