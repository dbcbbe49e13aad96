// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <memory>

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

  const std::shared_ptr<const Disk> disk;
  const ImageOptions options;
  const Layout layout;
  const Metadata metadata;
  const CompressedData compressed;
  const std::uint64_t surveyed;
  const std::shared_ptr<const ManifestBuilder> digests;  // null: the content was not hashed

 private:
  [[nodiscard]] Segment data_segment_at(HostOffset offset, const Region& region) const;
  [[nodiscard]] Segment compressed_segment_at(HostOffset offset, const Region& region) const;
};

}  // namespace qcow2stream
