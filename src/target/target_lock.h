// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <string>

#include "qcow2stream/target.h"

namespace qcow2stream {

// Takes QEMU's locks (system/qemu_locks.h) on what is open as `fd`, for reading at least: those of
// a reader for TargetUse::kReadOnly, those of a writer otherwise. They end with the open file.
// Throws Error{kFailed} about the target if somebody has locked what is needed. A file system that
// has no locks is told to the trace.
void lock_target(int fd, const std::string& name, TargetUse use);

}  // namespace qcow2stream
