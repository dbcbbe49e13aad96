// SPDX-License-Identifier: GPL-2.0-or-later
//
// The other end: what the confined program does all its life.

#pragma once

namespace qcow2stream::confined {

// Takes a Start from the socket `control`, confines this process, and serves the image until the
// other side goes away. Returns the status to end with, which should be done at once.
int serve(int control);

}  // namespace qcow2stream::confined
