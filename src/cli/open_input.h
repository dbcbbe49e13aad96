// SPDX-License-Identifier: GPL-2.0-or-later
//
// Which kind of source DISK is, and what is special about each.

#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cli/options.h"
#include "qcow2stream/disk.h"

namespace qcow2stream::cli {

// Opens what the options name. Throws Error.
std::shared_ptr<const Disk> open_input(const Options& options);

// What the user should know about the disk: one line each.
std::vector<std::string> input_warnings(const Disk& disk, const Options& options);

}  // namespace qcow2stream::cli
