// SPDX-License-Identifier: GPL-2.0-or-later

#include "survey/stored_scan.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "qcow2stream/error.h"

namespace qcow2stream {

void StoredPlaces::add(const std::vector<Place>& places) {
  const std::lock_guard lock(mutex_);
  places_.insert(places_.end(), places.begin(), places.end());
}

void StoredPlaces::check(const std::string& disk) {
  std::ranges::sort(places_, {},
                    [](const Place& place) { return std::tuple(place.file, place.begin); });
  const Place* longest = nullptr;  // of those that begin where the last one did
  for (const Place& place : places_) {
    const bool is_other =
        longest == nullptr || longest->file != place.file || longest->begin != place.begin;
    if (is_other && longest != nullptr && longest->file == place.file &&
        place.begin < longest->begin + longest->length) {
      throw Error(ErrorKind::kFailed, disk, "the image is damaged",
                  fmt::format("its compressed data at {} goes on where other compressed data "
                              "begins, at {}",
                              longest->begin.value(), place.begin.value()))
          .about(ErrorSubject::kDisk);
    }
    if (is_other || place.length > longest->length) longest = &place;
  }
}

void find_stored(const StoredClusters& stored, SurveyWork& work, const qcow2::Geometry& geometry,
                 ClusterMapBuilder& kept, ClusterMapBuilder& rest, StoredPlaces& places) {
  std::vector<GuestRange> batch;
  std::vector<CompressedCluster> found;
  std::vector<StoredPlaces::Place> found_places;
  const auto look_at = [&](GuestCluster cluster) {
    const auto blob = stored.find(geometry.offset(cluster));
    if (!blob) return false;
    const std::uint64_t length = stored.length(*blob).value_or(0);
    // One whose end is not known begins somewhere all the same.
    found_places.push_back(
        {.file = blob->file,
         .length = static_cast<std::uint32_t>(std::max<std::uint64_t>(length, 1)),
         .begin = blob->begin});
    if (length == 0 || length >= geometry.cluster_size()) return false;
    found.push_back({cluster, static_cast<std::uint32_t>(length)});
    return true;
  };
  while (work.take(batch)) {
    for (const GuestRange& piece : batch) {
      const GuestCluster end = geometry.cluster(piece.end() - 1) + 1;
      for (GuestCluster cluster = geometry.cluster(piece.begin); cluster < end; cluster += 1) {
        if (!look_at(cluster)) rest.mark(ClusterKind::kData, cluster, 1);
      }
      work.done(piece.length);
    }
    kept.mark_compressed(found);
    found.clear();
    places.add(found_places);
    found_places.clear();
  }
}

}  // namespace qcow2stream
