// SPDX-License-Identifier: GPL-2.0-or-later
//
// What a saved plan says besides its map is JSON.

#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "qcow2stream/plan.h"

namespace qcow2stream {

std::string encode_plan_header(const SavedPlan& plan);

// Reads all fields but `name` and `survey`. Nothing if the text is not the header of a plan; it may
// come from anybody.
std::optional<SavedPlan> decode_plan_header(std::string_view text);

}  // namespace qcow2stream
