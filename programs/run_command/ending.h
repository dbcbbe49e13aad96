// SPDX-License-Identifier: GPL-2.0-or-later
//
// What the way in which a command has ended means.

#pragma once

#include <string>

namespace qcow2stream::cli {

// As shells have it: 128 + N for a command that died by signal N. `wait_status` as waitpid(2) has
// it.
int exit_status(int wait_status);

// What a message says of a command that has failed.
std::string failure_text(int wait_status);

}  // namespace qcow2stream::cli
