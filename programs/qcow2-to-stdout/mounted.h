// SPDX-License-Identifier: GPL-2.0-or-later
//
// --mount: the image, or the disk itself, as a file that every program can read.

#pragma once

#include <memory>

#include "qcow2-to-stdout/job.h"
#include "qcow2-to-stdout/session.h"
#include "qcow2stream/disk.h"
#include "qcow2stream/image.h"

namespace qcow2stream::cli {

// Throws Error{kMismatch} if nothing could tell, while the image of a plan is read, whether the
// disk is still what it was. A stream of it is compared with the digests of the plan.
void check_can_be_mounted(const Job& job, const Disk& disk);

// Mounts it and tells its path on standard output, or runs the command of --run. Returns when it
// was unmounted, when a signal wants the end, or when the command has ended. Throws Error: where it
// cannot be mounted, where a read of it failed, where the disk is not what it was; ReceiverFailed
// where the command failed.
void mount_image(const std::shared_ptr<const Image>& image, const Job& job, Session& session);

// The same with the disk, of which a guest sees whole sectors.
void mount_disk(const std::shared_ptr<const Disk>& disk, const Job& job, Session& session);

}  // namespace qcow2stream::cli
