// SPDX-License-Identifier: GPL-2.0-or-later
//
// The second witness for $Bitmap, which carries no checksum: what the records of the file table
// refer to. It also finds the files of Windows that are no files: its swap files, and that in which
// it is hibernated.

#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "filesystems/ntfs_record.h"
#include "filesystems/ntfs_volume.h"
#include "filesystems/unit_runs.h"

namespace qcow2stream {

// Calls `take` for each record that is in use. Throws Kept if a record that should be there is not.
void for_each_ntfs_record(const NtfsVolume& volume,
                          const std::function<void(const NtfsRecord&)>& take);

// Throws Kept if a record refers to a cluster in one of the free runs, if all of them refer to more
// clusters than are `used`, or if Windows is hibernated. Returns the clusters of pagefile.sys and
// swapfile.sys, in order, if `swap`.
std::vector<UnitRun> check_ntfs_records(const NtfsVolume& volume, const RunList& free,
                                        std::uint64_t used, bool swap);

}  // namespace qcow2stream
