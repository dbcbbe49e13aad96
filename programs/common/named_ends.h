// SPDX-License-Identifier: GPL-2.0-or-later
//
// Ends that are given by their names.

#pragma once

#include <string>

#include "common/ends.h"

namespace qcow2stream::cli {

// A file that is read. Throws Error where the name means a descriptor that is not open.
void add_read_file(Ends& ends, const std::string& name);

// A file beside the output, or the descriptor that its name means.
void add_side_file(Ends& ends, const std::string& path);

}  // namespace qcow2stream::cli
