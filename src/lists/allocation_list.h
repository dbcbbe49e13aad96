// SPDX-License-Identifier: GPL-2.0-or-later
//
// What a list says about allocation, as a survey wants it.

#pragma once

#include <memory>
#include <string>

#include "layout/cluster_map_builder.h"
#include "lists/list_file.h"
#include "qcow2stream/disk.h"

namespace qcow2stream {

// Whether the entry's range reads as zeros. `name` is what messages call the list. Throws
// Error{kFailed} where the entry does not say what is allocated but, for example, which blocks are
// dirty.
bool reads_as_zeros(const ListEntry& entry, const std::string& name);

// The clusters of `disk` in which the list has something that need not read as zeros. Reads nothing
// of the disk. Throws Error{kFailed}: what ListFile refuses, entries that overlap or lie past the
// end of the disk, and a list that leaves out a part of the disk though its form never does.
std::shared_ptr<const ClusterMap> read_allocation_list(const std::string& path, const Disk& disk,
                                                       const qcow2::Geometry& geometry);

}  // namespace qcow2stream
