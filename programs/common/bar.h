// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include "common/progress_state.h"

namespace qcow2stream::cli {

// One line of at most `width` bytes, and so of at most as many columns, without a newline. The
// percentage and the bar are of the whole run; so is the time that is left, which is there from
// when the last step is under way. The less room there is, the less is said beside them.
std::string bar_line(const ProgressState& state, std::size_t width);

// The same of a run that is complete.
std::string last_line(const std::string& title, std::uint64_t written, double seconds,
                      std::size_t width);

// "0:05", "12:34", "1:02:03".
std::string format_duration(std::chrono::seconds duration);

}  // namespace qcow2stream::cli
