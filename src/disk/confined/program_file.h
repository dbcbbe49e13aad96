// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <string>

namespace qcow2stream::confined {

// The path of the program that reads images: `wanted` unless it is empty, or where it is looked for
// (ConfinedOptions). Throws Error{kFailed} about `image` if it is nowhere.
std::string program_file(const std::string& wanted, const std::string& image);

}  // namespace qcow2stream::confined
