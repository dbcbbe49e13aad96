// SPDX-License-Identifier: GPL-2.0-or-later
//
// Reads the persistent dirty bitmaps of an image.

#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "disk/qcow2/qcow2_disk.h"
#include "qcow2/bitmaps.h"
#include "qcow2/header.h"
#include "qcow2stream/changes.h"
#include "qcow2stream/disk.h"

namespace qcow2stream {

// Returns those of the image that `file` holds, in the order of its directory. Throws
// Error{kFailed} where QEMU would not open the image for its directory.
std::vector<qcow2::Bitmap> read_bitmap_directory(const Disk& file, const qcow2::Header& header);

// Returns the same if all of them say something. Throws Error{kFailed} also where one was not
// saved, or where a program that knows no bitmaps has written to the image.
std::vector<qcow2::Bitmap> reliable_bitmaps(const Disk& file, const qcow2::Header& header);

// The name of a bitmap without QEMU's prefix "qemu:dirty-bitmap:", which it may have.
std::string_view bare_bitmap_name(std::string_view name);

// Returns what the bitmap `name` of the topmost image marks as changed. The name may have QEMU's
// prefix. Throws Error{kFailed} where there is no such bitmap, with the names of those that there
// are; where it was not saved, so that it says nothing; and where its table is damaged. Throws
// Error{kUsage} for what cannot be a name.
std::shared_ptr<const Changes> changes_of_bitmap(std::shared_ptr<const Qcow2Disk> disk,
                                                 const std::string& name);

}  // namespace qcow2stream
