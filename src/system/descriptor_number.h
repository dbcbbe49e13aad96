// SPDX-License-Identifier: GPL-2.0-or-later
//
// Descriptors with numbers that a child process does not need for something else.

#pragma once

#include "system/fd.h"

namespace qcow2stream {

// A child may be given the descriptors 0 to 4 (see ChildSetup). What it is made with, and what it
// writes to, lies above them, so that nothing is overwritten while they are put in their places.
inline constexpr int kFirstAboveChild = 5;

// `fd` if its number is `lowest` or more. Otherwise a copy that is, close-on-exec, in place of
// `fd`, which is closed. Holds nothing, with errno as the system left it, if `fd` held nothing or
// cannot be copied.
UniqueFd moved_up(UniqueFd fd, int lowest);

// A copy, close-on-exec, of a descriptor that belongs to somebody else and stays open. Holds
// nothing if `fd` is negative, or with errno if it cannot be copied.
UniqueFd copied_up(int fd, int lowest);

}  // namespace qcow2stream
