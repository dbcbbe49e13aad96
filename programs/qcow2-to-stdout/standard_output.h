// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <string_view>

#include "qcow2-to-stdout/options.h"

namespace qcow2stream::cli {

inline constexpr const char* kStdoutName = "standard output";

// What is opened later must not become standard input, output or error because one of them is
// closed: messages would go into it. Reading the first and writing to the others still fails, and a
// command of --run finds them closed. To be called before anything is opened.
void keep_closed_descriptors_free();

// No terminal shows an image. Throws Error.
void refuse_terminal();

// A single warning among the bytes of the image would make it another one, or none. Throws Error if
// they have the same place and something was said, or is going to be even if all goes well. To be
// called right before the first byte: those who look for an error's message in both are served.
void check_image_is_alone(const Options& options);

void print_to_stdout(std::string_view text);

// The result of close() counts: a network file system may report a failed write only there.
void close_stdout();

}  // namespace qcow2stream::cli
