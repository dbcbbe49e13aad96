// SPDX-License-Identifier: GPL-2.0-or-later
//
// The other end of ConfinedStream: what the confined program does with a stream.

#pragma once

#include <span>

#include "disk/confined/serve.h"

namespace qcow2stream {

// Takes apart the image that the other side gives, and tells it what it holds. Returns when all has
// been told, or that it failed.
void take_stream(std::span<const confined::ServedChannel> channels);

}  // namespace qcow2stream
