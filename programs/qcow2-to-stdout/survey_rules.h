// SPDX-License-Identifier: GPL-2.0-or-later
//
// Which options go together that say what the image holds: what of DISK, since when, and how.

#pragma once

#include "qcow2-to-stdout/command_line.h"

namespace qcow2stream::cli {

// Whether it is said what has changed since the base, without a look at what that holds.
[[nodiscard]] bool is_told_changes(const CommandLine& said);

// All throw UsageError.
void check_compression(const CommandLine& said);
void check_increment_options(const CommandLine& said);
void check_map_options(const CommandLine& said);
void check_leave_out(const CommandLine& said);

}  // namespace qcow2stream::cli
