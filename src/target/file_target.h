// SPDX-License-Identifier: GPL-2.0-or-later
//
// Regular files. One that is made gets its name when it is complete (system/new_file.h); one that
// is changed or compared is opened as it is.

#pragma once

#include <memory>
#include <string>

#include "qcow2stream/target.h"

namespace qcow2stream {

// Each throws Error{kFailed} about the target.

// There is no file of that name.
std::unique_ptr<Target> make_new_file(const std::string& path);
// There is a regular file of that name; TargetUse::kReplace.
std::unique_ptr<Target> replace_file(const std::string& path, const TargetOptions& options);
// The other uses.
std::unique_ptr<Target> open_file_in_place(const std::string& path, const TargetOptions& options);

}  // namespace qcow2stream
