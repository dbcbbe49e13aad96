// SPDX-License-Identifier: GPL-2.0-or-later
//
// Which options go together, by what was said alone. What the library refuses is not refused here
// once more. All throw UsageError.

#pragma once

#include "common/source.h"
#include "qcow2-to-stdout/command_line.h"
#include "qcow2stream/options.h"

namespace qcow2stream::cli {

// What DISK is, with all that was said of it.
Source said_disk(const CommandLine& said);

// Whether the output is the disk itself.
bool is_raw_wanted(const CommandLine& said);

// All rules about what was said.
void check_rules(const CommandLine& said);

// What the library says against the options of the image, with the name of the option.
void check_image(const ImageOptions& image);

}  // namespace qcow2stream::cli
