// SPDX-License-Identifier: GPL-2.0-or-later
//
// What a list says about changes.

#pragma once

#include <memory>
#include <string>

#include "layout/cluster_map.h"
#include "lists/list_file.h"
#include "qcow2stream/changes.h"
#include "qcow2stream/disk.h"

namespace qcow2stream {

// How the entry's range has changed. `name` is what messages call the list. Throws Error{kFailed}
// where the entry is seen to say something else than what has changed.
Run::Holds change_in(const ListEntry& entry, const std::string& name);

// The clusters of `disk` that have changed, as cluster_marker.h counts them. Reads nothing of the
// disk. Throws Error{kFailed} as read_allocation_list() does, but no form has to list the whole
// disk.
std::shared_ptr<const ClusterMap> read_changed_list(const std::string& path, const Disk& disk,
                                                    const qcow2::Geometry& geometry);

}  // namespace qcow2stream
