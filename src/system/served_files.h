// SPDX-License-Identifier: GPL-2.0-or-later
//
// Finds the files behind what other processes of this machine give us: QEMU with a chain of images,
// a server program, or a server at the other end of a Unix socket. Names can lie about these files,
// or be unknown; what a process has open cannot.

#pragma once

#include <string>
#include <vector>

#include "system/storage.h"

namespace qcow2stream {

struct ServedFile {
  std::string name;  // the name by which the process has opened it
  Storage storage;
};

// The regular files and block devices that are open for reading in our descendants, and in the
// processes that our Unix sockets are connected with. Descriptors that were only inherited from us
// do not count, nor those up to 2. There are none of processes that we may not look at and of
// servers on other machines, and none at all if there is no /proc.
std::vector<ServedFile> served_files(const StorageFinder& finder);

}  // namespace qcow2stream
