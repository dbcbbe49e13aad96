// SPDX-License-Identifier: GPL-2.0-or-later
//
// The last line of a terminal on standard error, which is painted again and again. Without escape
// sequences where the terminal knows none (TERM=dumb, or not set): spaces take their place. All
// functions are thread-safe.

#pragma once

#include <cstddef>
#include <string_view>

namespace qcow2stream::cli {

// Columns that a line may have so that the cursor stays in it.
std::size_t terminal_columns();

// In place of what was painted before. `line` must have at most so many columns.
void paint_terminal_line(std::string_view line);

// Takes away what was painted, if anything was: whatever is written next stands alone.
void erase_terminal_line();

}  // namespace qcow2stream::cli
