// SPDX-License-Identifier: GPL-2.0-or-later
//
// Opening DISK and the base, and what is said where the user has named something else.

#pragma once

#include <memory>

#include "common/open_source.h"
#include "qcow2-to-stdout/job.h"
#include "qcow2stream/disk.h"
#include "qcow2stream/leave_out.h"
#include "qcow2stream/progress.h"

namespace qcow2stream::cli {

struct Disks {
  OpenedSource opened;               // DISK
  std::shared_ptr<const Disk> base;  // null where there is none
  // What is left out of DISK; null where nothing is to be.
  std::shared_ptr<const LeftOut> left_out;
};

// Throws Error: also if the image cannot describe a disk of this size, and where a disk that is
// taken for raw should not be.
Disks open_disks(const Job& job, Progress& progress);

}  // namespace qcow2stream::cli
