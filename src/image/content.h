// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <span>

#include "image/bitmap_region.h"
#include "image/compressed_data.h"
#include "image/metadata.h"
#include "layout/layout.h"
#include "qcow2stream/image.h"

namespace qcow2stream {

// What an Image is made of. Immutable, but for what is learnt of it.
class Image::Content {
 public:
  Content(std::shared_ptr<const Disk> source, ImageOptions image_options, SurveyResult survey);

  // Nothing as long as nobody knows it.
  [[nodiscard]] std::optional<ContentDigest> root() const;
  void learn_root(const ContentDigest& root) const;
  // Fills `out` with the bytes of the root's trailer from `offset` on. Throws Error if the root is
  // not known.
  void read_trailer(HostOffset offset, std::span<std::byte> out) const;

  // The longest segment that begins at `offset`, which must lie within the image.
  [[nodiscard]] Segment segment_at(HostOffset offset) const;

  // Fills `out` with the bytes of a segment that is kGenerated.
  void generate(HostOffset offset, std::span<std::byte> out) const;

  const std::shared_ptr<const Disk> disk;
  const ImageOptions options;
  const Layout layout;
  const Metadata metadata;
  const BitmapRegion bitmaps;
  const CompressedData compressed;
  const std::uint64_t surveyed;
  const std::shared_ptr<const LeftOut> left_out;              // null: nothing was to be
  const std::shared_ptr<const ClusterMap> left_out_clusters;  // null: nothing is
  const std::shared_ptr<const ManifestBuilder> digests;       // null: the content was not hashed

 private:
  // Is known when the content is hashed, which may be while the image goes out.
  mutable std::mutex root_mutex_;
  mutable std::optional<ContentDigest> root_;

  [[nodiscard]] Segment data_segment_at(HostOffset offset, const Region& region) const;
  [[nodiscard]] Segment compressed_segment_at(HostOffset offset, const Region& region) const;
};

}  // namespace qcow2stream
