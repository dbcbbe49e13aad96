// SPDX-License-Identifier: GPL-2.0-or-later
//
// What a map says about changes.

#pragma once

#include <memory>
#include <string>

#include "layout/cluster_map.h"
#include "lists/map_file.h"
#include "qcow2stream/changes.h"
#include "qcow2stream/disk.h"

namespace qcow2stream {

// How the entry's range has changed, if the map says what has changed and not what is allocated.
// `name` is the map's for messages. Throws Error{kFailed} where it is seen to say something else.
Run::Holds change_in(const MapEntry& entry, const std::string& name);

// The clusters of `disk` that have changed, as change_map.h counts them. Reads nothing of the disk.
// Throws Error{kFailed} as read_allocation_map(); no form has to list the whole disk.
std::shared_ptr<const ClusterMap> read_changed_map(const std::string& path, const Disk& disk,
                                                   const qcow2::Geometry& geometry);

}  // namespace qcow2stream
