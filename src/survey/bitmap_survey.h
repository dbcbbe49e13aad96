// SPDX-License-Identifier: GPL-2.0-or-later
//
// What the dirty bitmaps of a disk need in an image of it.

#pragma once

#include <memory>

#include "layout/bitmap_layout.h"
#include "qcow2stream/disk.h"
#include "qcow2stream/options.h"

namespace qcow2stream {

// Reads all bits that the disk cannot tell otherwise, once. Throws Error{kFailed} if the disk has
// no bitmaps that could be read, or theirs are too many for an image.
std::shared_ptr<const CarriedBitmaps> survey_bitmaps(const Disk& disk, const ImageOptions& image);

}  // namespace qcow2stream
