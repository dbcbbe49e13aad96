// SPDX-License-Identifier: GPL-2.0-or-later
//
// The files behind what other processes of this machine give us: QEMU with a chain of images, a
// server program, a server at the other end of a Unix socket. Names can lie about them, or not be
// known; what a process has open cannot.

#pragma once

#include <string>
#include <vector>

#include "system/storage.h"

namespace qcow2stream {

struct ServedFile {
  std::string name;  // as the process has opened it
  Storage storage;
};

// Regular files and block devices that our descendants have open for reading, and the processes
// that our Unix sockets are connected with. Descriptors that were only inherited from us do not
// count, nor those up to 2. Nothing of processes that may not be looked at, of servers on other
// machines, or where there is no /proc.
std::vector<ServedFile> served_files(const StorageFinder& finder);

}  // namespace qcow2stream
