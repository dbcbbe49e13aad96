// SPDX-License-Identifier: GPL-2.0-or-later
//
// Disks that are taken for raw since nobody has said what they are, and look like something else. A
// guest can write any magic number into its disk, but not the name of the file: a regular file that
// is an image by both is refused, all else is a warning.

#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "qcow2-to-stdout/options.h"
#include "qcow2stream/disk.h"

namespace qcow2stream::cli {

// Throws Error{kUsage}. `base` may be null.
void refuse_image_as_raw(const Disk& disk, const Disk* base, const Options& options);

// As a message, for what was not refused.
std::optional<std::string> warning_about_raw(const Disk& disk, const Options& options);
std::optional<std::string> warning_about_raw_base(const Disk& base, const Options& options);

// Whether a file of this name should be an image: "disk.qcow2", "DISK.VMDK".
bool has_name_of_image(std::string_view path);

// As a word of a command line for the shell.
std::string shell_word(const std::string& text);

}  // namespace qcow2stream::cli
