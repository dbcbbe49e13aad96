// SPDX-License-Identifier: GPL-2.0-or-later
//
// The persistent dirty bitmaps of an image, for whoever wants to have all of them.

#pragma once

#include <vector>

#include "disk/qcow2/image_file.h"
#include "qcow2/bitmaps.h"
#include "qcow2stream/disk_bitmaps.h"

namespace qcow2stream {

class ImageBitmaps final : public DiskBitmaps {
 public:
  // `image` must outlive it. Throws Error{kFailed} where one of the bitmaps was not saved or not
  // kept up, so that it says nothing.
  explicit ImageBitmaps(const Qcow2Image& image);

  [[nodiscard]] const std::vector<DiskBitmap>& list() const override { return list_; }
  [[nodiscard]] Stretch stretch_at(std::size_t number, std::uint64_t offset) const override;
  void read(std::size_t number, std::uint64_t offset, std::span<std::byte> buffer) const override;

 private:
  const Qcow2Image& image_;
  std::vector<qcow2::Bitmap> bitmaps_;
  std::vector<DiskBitmap> list_;  // the same, for others
};

}  // namespace qcow2stream
