// SPDX-License-Identifier: GPL-2.0-or-later

#include "disk/qcow2/chain.h"

#include <algorithm>

namespace qcow2stream {

using qcow2::EntryKind;

std::vector<const Disk*> Qcow2Chain::files() const {
  std::vector<const Disk*> all;
  for (const auto& image : images) {
    all.push_back(&image->file());
    if (image->has_data_file()) all.push_back(&image->data());
  }
  if (bottom != nullptr) all.push_back(bottom.get());
  return all;
}

std::string Qcow2Chain::in_words(const Disk& file, const std::string& reason) const {
  return file.name() == name() ? reason : file.name() + ": " + reason;
}

ChainWalk::ChainWalk(const Qcow2Chain& chain, std::optional<std::size_t> top)
    : chain_(chain),
      images_(top.value_or(chain.images.size())),
      is_top_(top.has_value()),
      last_(images_) {}

ChainPart ChainWalk::part_at(GuestRange range) {
  for (std::size_t i = 0; i < images_; ++i) {
    const Qcow2Image& image = *chain_.images[i];
    // A shorter image below another one ends in zeros.
    if (range.begin.value() >= image.disk_size()) {
      return {.kind = ChainPart::Kind::kZeros, .range = range};
    }
    range = range.first(image.disk_size() - range.begin.value());
    const Qcow2Extent& extent = extent_at(i, range);
    range = range.first(extent.range.end() - range.begin);
    if (extent.kind != EntryKind::kUnallocated) return part_of_image(extent, image, range);
  }
  const bool is_left = images_ < chain_.images.size() || (is_top_ && chain_.bottom != nullptr);
  if (is_left) return {.kind = ChainPart::Kind::kBelow, .range = range};
  return part_of_bottom(range);
}

// The extent that holds the beginning of `range`.
const Qcow2Extent& ChainWalk::extent_at(std::size_t image, GuestRange range) {
  Qcow2Extent& last = last_[image];
  const bool is_known = last.range.begin <= range.begin && range.begin < last.range.end();
  if (!is_known) {
    const Qcow2Image& asked = *chain_.images[image];
    last.range = {};  // in case that it throws
    const GuestRange rest{range.begin, asked.disk_size() - range.begin.value()};
    last = chain_.lost != nullptr ? asked.tables().extent_or_damage(rest)
                                  : asked.tables().extent_at(rest);
  }
  return last;
}

ChainPart ChainWalk::part_of_image(const Qcow2Extent& extent, const Qcow2Image& image,
                                   GuestRange range) const {
  ChainPart part{.kind = ChainPart::Kind::kZeros, .range = range};
  if (extent.kind == EntryKind::kInvalid) {
    chain_.lost->add(chain_.name(), range, chain_.in_words(image.file(), extent.problem));
  } else if (extent.kind == EntryKind::kCompressed) {
    part.kind = ChainPart::Kind::kCompressed;
    part.image = &image;
    part.extent = extent;
  } else if (extent.kind == EntryKind::kData) {
    part.kind = ChainPart::Kind::kPlain;
    part.disk = &image.data();
    part.offset = GuestOffset(extent.offset.value() + (range.begin - extent.range.begin));
  }
  return part;
}

ChainPart ChainWalk::part_of_bottom(GuestRange range) const {
  const Disk* bottom = chain_.bottom.get();
  if (!chain_.is_whole) return {.kind = ChainPart::Kind::kBelow, .range = range};
  if (bottom == nullptr || range.begin.value() >= bottom->size()) {
    return {.kind = ChainPart::Kind::kZeros, .range = range};
  }
  return {.kind = ChainPart::Kind::kBottom,
          .range = range.first(bottom->size() - range.begin.value()),
          .disk = bottom,
          .offset = range.begin};
}

}  // namespace qcow2stream
