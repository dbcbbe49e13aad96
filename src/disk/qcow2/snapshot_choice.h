// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <span>
#include <string>

#include "qcow2/snapshots.h"

namespace qcow2stream {

// Returns the snapshot that `wanted` names, as `qemu-img convert -l` takes it: an id or else a
// name, or "snapshot.id=ID" and "snapshot.name=NAME", both of which must fit, with a comma between
// them. Throws Error{kFailed}, about the image `image`, with the names of those that there are.
qcow2::Snapshot chosen_snapshot(std::span<const qcow2::Snapshot> snapshots,
                                const std::string& wanted, const std::string& image);

}  // namespace qcow2stream
