// SPDX-License-Identifier: GPL-2.0-or-later
//
// What is said of a run that goes well.

#pragma once

#include <string>

#include "qcow2-from-stdin/inputs.h"
#include "qcow2-from-stdin/job.h"
#include "qcow2-from-stdin/watched_target.h"
#include "qcow2stream/restore.h"

namespace qcow2stream::cli {

// Warnings before anything is written.
void warn(const Job& job, const Images& images);

// Of an image when all of it has come.
void say_remarks(const Job& job, const std::string& name, const RestoredImage& image);
void say_remarks(const Job& job, const std::string& name, const CheckedImage& image);

// Where the target is larger than the disk.
void say_what_lies_behind(const Job& job, const WatchedTarget& target, const RestoreResult& result);

// When all is done.
void say_result(const Job& job, const WatchedTarget& target, const RestoreResult& result,
                double seconds);

}  // namespace qcow2stream::cli
