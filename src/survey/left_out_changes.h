// SPDX-License-Identifier: GPL-2.0-or-later
//
// What somebody says has changed on a disk is not all that has changed between an image and the one
// below it, if one of the two leaves something out.

#pragma once

#include <memory>

#include "layout/cluster_map_builder.h"
#include "qcow2stream/manifest.h"

namespace qcow2stream {

struct ChangesAndLeftOut {
  const ClusterMap& changes;
  const ClusterMap* left_out;       // now, in the geometry of the changes; null: nothing is
  const ClusterMap* base_left_out;  // by the base, in any geometry; null: nothing was
  const Manifest* base;             // of the base; null: nothing is known of it
};

// Marks in `map` as zero clusters what is left out now and may hold something in the base. Throws
// Error where the manifest cannot be read.
void mark_left_out(const ChangesAndLeftOut& all, ClusterMapBuilder& map);

// The changes without what is left out now, and with what only the base left out: that is data.
std::shared_ptr<const ClusterMap> changes_beside_left_out(const ChangesAndLeftOut& all);

}  // namespace qcow2stream
