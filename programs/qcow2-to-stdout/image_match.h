// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <string>
#include <string_view>

#include "qcow2stream/image.h"

namespace qcow2stream::cli {

// Throws Error{kMismatch} unless the image is the one whose id is `wanted`.
void check_id(const Image& image, const std::string& wanted);

// What tells the image of the id `wanted` from that of `found`, which is another one, and what can
// be done about it. `disk` is what to call DISK.
std::string mismatch_text(std::string_view wanted, std::string_view found, std::string_view disk);

}  // namespace qcow2stream::cli
