// SPDX-License-Identifier: GPL-2.0-or-later
//
// Which options go together, by what was said alone.

#pragma once

#include "qcow2-from-stdin/command_line.h"

namespace qcow2stream::cli {

// Throws UsageError.
void check_rules(const CommandLine& said);

}  // namespace qcow2stream::cli
