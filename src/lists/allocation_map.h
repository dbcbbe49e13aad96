// SPDX-License-Identifier: GPL-2.0-or-later
//
// What a map says about allocation, as a survey wants it.

#pragma once

#include <memory>
#include <string>

#include "layout/cluster_map_builder.h"
#include "lists/map_file.h"
#include "qcow2stream/disk.h"

namespace qcow2stream {

// Whether the entry's range reads as zeros. `name` is the map's for messages. Throws Error{kFailed}
// where the entry says something else than what is allocated: which blocks are dirty, for example.
bool reads_as_zeros(const MapEntry& entry, const std::string& name);

// The clusters of `disk` in which the map has something that need not read as zeros. Reads nothing
// of the disk. Throws Error{kFailed}: what MapFile refuses, entries that overlap or lie past the
// end of the disk, and a map that does not list the whole disk though its form does.
std::shared_ptr<const ClusterMap> read_allocation_map(const std::string& path, const Disk& disk,
                                                      const qcow2::Geometry& geometry);

}  // namespace qcow2stream
