// SPDX-License-Identifier: GPL-2.0-or-later
//
// Which options go together, before anything is opened. All throw UsageError.

#pragma once

#include "qcow2-to-stdout/option_table.h"
#include "qcow2-to-stdout/options.h"

namespace qcow2stream::cli {

// What can be said about the input before it is looked at; decides what DISK is.
void check_input(Parsed& parsed);
// The backing file, and what the image holds on top of it; puts it into the image's options.
void check_increment(Parsed& parsed);
// What takes the question away that the map answers.
void check_map(const Options& options);
// What becomes of the output.
void check_output_options(const Options& options);

}  // namespace qcow2stream::cli
