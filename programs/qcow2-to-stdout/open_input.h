// SPDX-License-Identifier: GPL-2.0-or-later
//
// Which kind of source DISK is, and what is special about each.

#pragma once

#include <memory>
#include <optional>
#include <string>

#include "qcow2-to-stdout/options.h"
#include "qcow2stream/changes.h"
#include "qcow2stream/disk.h"
#include "qcow2stream/progress.h"

namespace qcow2stream::cli {

struct Input {
  std::shared_ptr<const Disk> disk;
  // What DISK says has changed, if it is asked.
  std::shared_ptr<const Changes> changes;
  // What the user should know about it, as a message.
  std::optional<std::string> warning;
};

// Opens DISK; standard input is read to its end, unless that can wait. Throws Error.
Input open_input(const Options& options, Progress& progress);

// Opens what --base names; null without it. Throws Error.
std::shared_ptr<const Disk> open_base(const Options& options);

// Where --scan holes finds none because nobody tells them.
std::optional<std::string> warning_about_holes(const Disk& disk, const Options& options);

}  // namespace qcow2stream::cli
