// SPDX-License-Identifier: GPL-2.0-or-later
//
// Opening DISK and the base, and what is said where the user has named something else.

#pragma once

#include <memory>
#include <optional>
#include <string>

#include "common/open_source.h"
#include "qcow2-to-stdout/options.h"
#include "qcow2stream/disk.h"
#include "qcow2stream/progress.h"

namespace qcow2stream::cli {

// Both throw Error.
OpenedSource open_input(const Input& disk, Progress& progress);
std::shared_ptr<const Disk> open_base(const Input& base, Progress& progress);

// Where --scan holes finds none because nobody tells them.
std::optional<std::string> warning_about_holes(const Disk& disk, const Options& options);

}  // namespace qcow2stream::cli
