// SPDX-License-Identifier: GPL-2.0-or-later
//
// What the confined program does with a disk whose file systems are to be examined: the other end
// of find_left_out().

#pragma once

#include <span>

#include "disk/confined/serve.h"

namespace qcow2stream {

// Examines one volume after the other and tells the other side what is unused. Returns when all has
// been told.
void examine_disk(std::span<const confined::ServedChannel> channels);

}  // namespace qcow2stream
