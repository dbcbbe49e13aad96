// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <string>
#include <string_view>

namespace qcow2stream {

// Returns the text in single quotes, as a shell reads it back. Names of files may hold anything.
std::string shell_quoted(std::string_view text);

}  // namespace qcow2stream
