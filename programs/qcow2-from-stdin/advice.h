// SPDX-License-Identifier: GPL-2.0-or-later
//
// The library's advice in the words of the command line.

#pragma once

#include <string>

#include "qcow2stream/error.h"

namespace qcow2stream::cli {

// What stands behind the message of an error, with the separator before it; empty where the error
// has no advice.
std::string advice_text(const Error& error);

}  // namespace qcow2stream::cli
