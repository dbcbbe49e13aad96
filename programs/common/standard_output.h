// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <string_view>

namespace qcow2stream::cli {

inline constexpr const char* kStdoutName = "standard output";

// What is opened later must not become standard input, output or error because one of them is
// closed: messages would go into it. Reading the first and writing to the others still fails, and a
// command of --run finds them closed. To be called before anything is opened.
void keep_closed_descriptors_free();

// Throws Error.
void print_to_stdout(std::string_view text);

}  // namespace qcow2stream::cli
