// SPDX-License-Identifier: GPL-2.0-or-later
//
// Which options go together, by what was said alone. What the library refuses is not refused here
// once more. All throw UsageError.

#pragma once

#include "qcow2-to-stdout/command_line.h"
#include "qcow2stream/options.h"

namespace qcow2stream::cli {

// All rules about what was said: those of disk_rules.h, survey_rules.h, output_rules.h and
// plan_options.h.
void check_rules(const CommandLine& said);

// What the library says against the options of the image, with the name of the option.
void check_image(const ImageOptions& image);

}  // namespace qcow2stream::cli
