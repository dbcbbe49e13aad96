// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <cstddef>
#include <span>

#include "qcow2stream/plan.h"

namespace qcow2stream {

// Puts into the survey of a plan, which has its map already, what encode_left_out() says was left
// out. False if it says what makes no sense, or what the map does not: then nothing is changed.
bool take_left_out(std::span<const std::byte> bytes, SavedPlan& plan);

}  // namespace qcow2stream
