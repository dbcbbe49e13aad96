// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <string>

#include "cli/options.h"
#include "qcow2stream/image.h"

namespace qcow2stream::cli {

// What --measure prints, with its last newline. `range` is what a run with the same options writes;
// it is mentioned only if the options ask for one.
std::string measure_text(const Image& image, HostRange range, const Options& options);

}  // namespace qcow2stream::cli
