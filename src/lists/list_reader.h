// SPDX-License-Identifier: GPL-2.0-or-later
//
// Reads a list for one question: what is allocated, or what has changed. The same words of a list
// mean different things to these two questions.

#pragma once

#include <memory>
#include <string>

#include "layout/cluster_map.h"
#include "lists/list_file.h"
#include "qcow2stream/changes.h"
#include "qcow2stream/disk.h"
#include "qcow2stream/error.h"

namespace qcow2stream {

// What a list is read for.
struct ListQuestion {
  // What an entry means. Where the question is what is allocated, a range that reads as zeros is
  // kBelow, as if it had not changed.
  Run::Holds (*kind_of)(const ListEntry& entry, const std::string& name);
  // Whether a list in the form of a program that always lists the whole disk has to do so.
  bool must_be_complete;
};

// The clusters of `disk`, as cluster_marker.h counts them. Reads nothing of the disk. Throws
// Error{kFailed}: what ListFile refuses, entries that overlap or lie past the end of the disk, and
// a list that leaves out a part of the disk though it must not.
std::shared_ptr<const ClusterMap> read_list(const std::string& path, const Disk& disk,
                                            const qcow2::Geometry& geometry,
                                            const ListQuestion& question);

// Throws Error{kFailed} with the entry's place. `name` is what messages call the list.
[[noreturn]] void refuse_entry(const std::string& name, const ListEntry& entry,
                               const std::string& reason, Advice advice = Advice::kNone);

}  // namespace qcow2stream
