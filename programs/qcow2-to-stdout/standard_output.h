// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <memory>

#include "common/destination.h"
#include "qcow2-to-stdout/job.h"

namespace qcow2stream::cli {

// What the image goes to: standard output, which is closed at the end, or the command of --run. No
// terminal shows an image. To be called while there is one thread only. Throws Error.
std::unique_ptr<Destination> make_destination(const OutputJob& output);

// A single warning among the bytes of the image would make it another one, or none. Throws Error if
// they have the same place and something was said, or is going to be even if all goes well. To be
// called right before the first byte: those who look for an error's message in both are served.
void check_image_is_alone(const Job& job);

}  // namespace qcow2stream::cli
