// SPDX-License-Identifier: GPL-2.0-or-later
//
// Which ends a run has, by its options, and what is said about them.

#pragma once

#include <optional>
#include <string>

#include "common/ends.h"
#include "common/open_source.h"
#include "qcow2-to-stdout/job.h"

namespace qcow2stream::cli {

// All of them.
Ends ends_of(const Job& job);

// The files that others have open for us become ends, too: to be called when the sources are open.
// Throws Error if one of them is written.
void check_served_files(Ends& ends);

// Whether messages and the image have the same file, pipe or socket (2>&1).
bool image_goes_to_stderr(const OutputJob& output);

// The device that DISK is, if it is taken as it is; 0: none.
dev_t raw_device(const Ends& ends, const Input& input);

// What to do if a source may be written to meanwhile: one line, for the first such source.
std::optional<std::string> warning_about_users(const Ends& ends);

}  // namespace qcow2stream::cli
