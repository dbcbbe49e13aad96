// SPDX-License-Identifier: GPL-2.0-or-later
//
// --plan brings the options of the image; what else is said of it must be the same.

#pragma once

#include "qcow2-to-stdout/command_line.h"
#include "qcow2stream/options.h"
#include "qcow2stream/plan.h"

namespace qcow2stream::cli {

// Before the plan is read. Throws UsageError: an option that is about a survey.
void check_plan_options(const CommandLine& said);

// Throws UsageError: an option of the image, which is `image` as it was said, that differs from the
// plan's.
void check_same_as_plan(const CommandLine& said, const ImageOptions& image, const SavedPlan& plan);

}  // namespace qcow2stream::cli
