// SPDX-License-Identifier: GPL-2.0-or-later
//
// Hashes a disk of which somebody says what has changed since a manifest of it was made.

#pragma once

#include <memory>

#include "layout/cluster_map.h"
#include "qcow2stream/disk.h"
#include "qcow2stream/manifest.h"
#include "survey/hash_content.h"

namespace qcow2stream {

// Hashes the chunks of `base` in which a cluster of any kind is in `changed`, as far as `data`, the
// runs of the whole disk, calls them data. All others are inherited from `base`. Where the disk has
// grown or shrunk, all chunks from the end of the shorter one on are hashed. Throws Error.
std::shared_ptr<ManifestBuilder> hash_changed(const Disk& disk, std::unique_ptr<RunCursor> data,
                                              const std::shared_ptr<const ClusterMap>& changed,
                                              const Manifest& base, const HashedRuns& options);

}  // namespace qcow2stream
