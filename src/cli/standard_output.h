// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <string_view>

#include "cli/options.h"

namespace qcow2stream::cli {

inline constexpr const char* kStdoutName = "standard output";

// What is opened later must not become standard input, output or error because one of them is
// closed: messages would go into it. Reading the first and writing to the others still fails, and a
// command of --run finds them closed. To be called before anything is opened.
void keep_closed_descriptors_free();

// Throws Error if it is a terminal (that of --run may be one) or a file that is read, and if
// messages or progress would go into the image or such a file.
void check_stdout(const Options& options);

void print_to_stdout(std::string_view text);

// The result of close() counts: a network file system may report a failed write only there.
void close_stdout();

}  // namespace qcow2stream::cli
