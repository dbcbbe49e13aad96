// SPDX-License-Identifier: GPL-2.0-or-later
//
// Disks that are taken for raw since nobody has said what they are, and look like something else. A
// guest can write any magic number into its disk, but not the name of the file: a regular file that
// is an image by both is refused, all else is a warning.

#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/open_source.h"
#include "qcow2stream/disk.h"

namespace qcow2stream::cli {

// Both throw Error{kUsage}.
void refuse_disk_as_raw(const Disk& disk, const Input& input);
void refuse_base_as_raw(const Disk& base, const Input& input);

// As a message, for what was not refused.
std::optional<std::string> warning_about_raw_disk(const Disk& disk, const Input& input);
std::optional<std::string> warning_about_raw_base(const Disk& base, const Input& input);

// Whether a file of this name should be an image: "disk.qcow2", "DISK.VMDK".
bool has_name_of_image(std::string_view path);

}  // namespace qcow2stream::cli
