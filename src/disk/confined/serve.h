// SPDX-License-Identifier: GPL-2.0-or-later
//
// The other end: what the confined program does all its life.

#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <vector>

#include "disk/confined/protocol.h"
#include "system/fd.h"

namespace qcow2stream::confined {

// Its end of a channel.
struct ServedChannel {
  UniqueFd socket;
  std::span<std::byte> slot;
};

// What is done with the channels, until all is done.
using ConfinedWork = std::function<void(std::span<const ServedChannel>)>;

struct ConfinedWorks {
  ConfinedWork take_stream;   // Work::kStream, with threads
  ConfinedWork examine_disk;  // Work::kExamine, without
};

// Takes a Start from the socket `control`, confines this process, and serves the image, or does
// other work, until the other side goes away. Returns the status to end with, which should be done
// at once.
int serve(int control, const ConfinedWorks& works);

}  // namespace qcow2stream::confined
