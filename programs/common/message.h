// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <string_view>

namespace qcow2stream::cli {

// The name of the program, with which its messages begin. Each program defines it.
extern const char* const kProgramName;

// A line on standard error, behind the program's name. Nobody can be told if that fails.
void message(std::string_view text);

// Whether there was one. Both are thread-safe.
bool anything_was_said();

// Whether one would not have to wait for whoever reads standard error.
bool can_be_said_at_once();

}  // namespace qcow2stream::cli
