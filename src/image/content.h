// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <memory>

#include "image/bitmap_region.h"
#include "image/compressed_data.h"
#include "image/metadata.h"
#include "layout/layout.h"
#include "qcow2stream/image.h"

namespace qcow2stream {

// What an Image is made of. Immutable.
class Image::Content {
 public:
  Content(std::shared_ptr<const Disk> source, ImageOptions image_options, SurveyResult survey);

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

 private:
  [[nodiscard]] Segment data_segment_at(HostOffset offset, const Region& region) const;
  [[nodiscard]] Segment compressed_segment_at(HostOffset offset, const Region& region) const;
};

}  // namespace qcow2stream
