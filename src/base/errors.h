// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <string>
#include <string_view>

#include "qcow2stream/error.h"

namespace qcow2stream {

// The same text with control characters written as escapes ("\\n", "\\x1b"), so that it stays one
// line and does nothing to a terminal. Names of files may hold anything.
std::string one_line(std::string_view text);

// What the system calls an error number, in the form that our messages have: "no such file or
// directory".
std::string errno_text(int number);

// The one place where an error number becomes an Error.
Error system_error(const std::string& name, const std::string& what_failed, int number);

}  // namespace qcow2stream
