// SPDX-License-Identifier: GPL-2.0-or-later
//
// Finds the clusters that a disk holds compressed, and how many bytes each of them takes.

#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "layout/cluster_map_builder.h"
#include "qcow2/geometry.h"
#include "qcow2stream/stored_clusters.h"
#include "survey/work.h"

namespace qcow2stream {

// Where in the disk's files they lie. add() may be called by several threads at once.
class StoredPlaces {
 public:
  struct Place {
    std::uint32_t file = 0;
    std::uint32_t length = 0;
    HostOffset begin;
  };

  void add(const std::vector<Place>& places);
  // Throws Error{kFailed} if two of them have bytes in common and are not the same: then one of
  // them has bytes that are not its own. To be called once, when all have been added.
  void check(const std::string& disk);

 private:
  std::mutex mutex_;
  std::vector<Place> places_;
};

// Is what one worker does: of the clusters that `work` hands out, which must be whole ones of the
// size that `stored` has, it marks in `kept` those that can go out as they are, and in `rest` all
// others as data. Throws Error.
void find_stored(const StoredClusters& stored, SurveyWork& work, const qcow2::Geometry& geometry,
                 ClusterMapBuilder& kept, ClusterMapBuilder& rest, StoredPlaces& places);

}  // namespace qcow2stream
