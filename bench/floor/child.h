// SPDX-License-Identifier: GPL-2.0-or-later
//
// Runs a command and says what it took. `command` is as in argv: ends with a null pointer. All of
// them print their line and return the exit status: 0 if the command's is 0.
//
// Why not measure in the script that compares: a process that begins as a copy of a large one
// counts the memory of that as its own peak, and this program is small.

#pragma once

namespace bench {

// Standard output is a pipe that this process drains by splice.
int first_byte(char** command);
// Standard output is a socket that this process drains by reading.
int drain_socket(char** command);
// Standard output is a pipe to cat >/dev/null.
int time_to_cat(char** command);
// Standard output is this process's own.
int time_only(char** command);

}  // namespace bench
