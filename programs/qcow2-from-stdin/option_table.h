// SPDX-License-Identifier: GPL-2.0-or-later
//
// The table of this program's options. To add an option, add a line there.

#pragma once

#include <span>

#include "common/option_table.h"
#include "qcow2-from-stdin/command_line.h"

namespace qcow2stream::cli {

std::span<const OptionGroup<CommandLine>> option_groups();

}  // namespace qcow2stream::cli
