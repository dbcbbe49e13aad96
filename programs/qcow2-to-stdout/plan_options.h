// SPDX-License-Identifier: GPL-2.0-or-later
//
// --plan brings the options of the image; what else is said of it must be the same.

#pragma once

#include "qcow2-to-stdout/options.h"
#include "qcow2stream/plan.h"

namespace qcow2stream::cli {

// Before the plan is read. Throws UsageError: an option that is about a survey.
void check_plan_options(const Options& options);

// Throws UsageError: an option of the image that differs from the plan's.
void apply_plan(Options& options, const SavedPlan& plan);

}  // namespace qcow2stream::cli
