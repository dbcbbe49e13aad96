// SPDX-License-Identifier: GPL-2.0-or-later
//
// Which options go together that say where the image goes, and what is made beside it.

#pragma once

#include "qcow2-to-stdout/command_line.h"

namespace qcow2stream::cli {

// Whether the output is the disk itself.
[[nodiscard]] bool is_raw_wanted(const CommandLine& said);

// All throw UsageError.
void check_output_options(const CommandLine& said);
void check_range_options(const CommandLine& said);
void check_mount_options(const CommandLine& said);
void check_manifest_options(const CommandLine& said);

}  // namespace qcow2stream::cli
