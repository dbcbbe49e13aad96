// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <chrono>
#include <string>

#include "qcow2-to-stdout/progress_state.h"

namespace qcow2stream::cli {

// One line of at most `width` columns, without a newline.
std::string bar_line(const ProgressState& state, unsigned width);

// "0:05", "12:34", "1:02:03".
std::string format_duration(std::chrono::seconds duration);

}  // namespace qcow2stream::cli
