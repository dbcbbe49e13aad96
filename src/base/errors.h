// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <string>

#include "qcow2stream/error.h"

namespace qcow2stream {

// The system's words for an error number, as our messages want them: "no such file or directory".
std::string errno_text(int number);

// The one place where an error number becomes an Error.
Error system_error(const std::string& name, const std::string& what_failed, int number);

}  // namespace qcow2stream
