// SPDX-License-Identifier: GPL-2.0-or-later
//
// Reads a map for one question: what is allocated, or what has changed. The same words mean one
// thing in one use and something else in another.

#pragma once

#include <memory>
#include <string>

#include "layout/cluster_map.h"
#include "lists/map_file.h"
#include "qcow2stream/changes.h"
#include "qcow2stream/disk.h"
#include "qcow2stream/error.h"

namespace qcow2stream {

// What a map is read for.
struct MapQuestion {
  // What an entry means. What reads as zeros has "not changed" where the question is what is
  // allocated.
  Run::Holds (*kind_of)(const MapEntry& entry, const std::string& name);
  // Whether the output of a program that always lists the whole disk has to.
  bool must_be_complete;
};

// The clusters of `disk`, as change_map.h counts them. Reads nothing of the disk. Throws
// Error{kFailed}: what MapFile refuses, entries that overlap or lie past the end of the disk, and a
// map that does not list the whole disk though it must.
std::shared_ptr<const ClusterMap> read_map(const std::string& path, const Disk& disk,
                                           const qcow2::Geometry& geometry,
                                           const MapQuestion& question);

// Throws Error{kFailed} with the entry's place. `name` is the map's.
[[noreturn]] void refuse_entry(const std::string& name, const MapEntry& entry,
                               const std::string& reason, Advice advice = Advice::kNone);

}  // namespace qcow2stream
