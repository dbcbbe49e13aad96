// SPDX-License-Identifier: GPL-2.0-or-later

#include "qcow2stream/image.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "image/content.h"
#include "survey/left_out_clusters.h"

namespace qcow2stream {

Image::Image(std::shared_ptr<const Disk> disk, const ImageOptions& options, SurveyResult survey)
    : content_(std::make_unique<const Content>(std::move(disk), options, std::move(survey))) {}

Image::~Image() = default;
Image::Image(Image&&) noexcept = default;
Image& Image::operator=(Image&&) noexcept = default;

std::uint64_t Image::size() const {
  return content_->layout.image_size();
}
const Disk& Image::disk() const {
  return *content_->disk;
}
const ImageOptions& Image::options() const {
  return content_->options;
}

std::shared_ptr<const LeftOut> Image::left_out() const {
  return content_->left_out;
}

std::unique_ptr<RunCursor> Image::left_out_runs() const {
  const Disk& disk = *content_->disk;
  return without_left_out(disk.Disk::runs({GuestOffset(0), disk.size()}),
                          content_->left_out_clusters);
}

void Image::check_left_out() const {
  if (content_->left_out != nullptr) qcow2stream::check_left_out(*content_->left_out, disk());
}

void Image::read_content(GuestOffset offset, std::span<std::byte> buffer) const {
  const Disk& disk = *content_->disk;
  const std::uint64_t there = disk.size() - std::min(disk.size(), offset.value());
  const auto held = buffer.first(std::min<std::uint64_t>(there, buffer.size()));
  std::ranges::fill(buffer.subspan(held.size()), std::byte{0});
  const ClusterMap* left_out = content_->left_out_clusters.get();
  if (held.empty()) return;
  if (is_left_out(left_out, {offset, held.size()})) {
    std::ranges::fill(held, std::byte{0});
    return;
  }
  disk.read(offset, held);
  blank(left_out, offset, held);
}

std::uint64_t Image::surveyed() const {
  return content_->surveyed;
}

std::shared_ptr<const ManifestBuilder> Image::content() const {
  return content_->digests;
}

std::optional<ContentDigest> Image::root() const {
  return content_->root();
}

void Image::learn_root(const ContentDigest& root) const {
  content_->learn_root(root);
}

std::optional<HostOffset> Image::root_trailer() const {
  return content_->layout.root_trailer();
}

Measurement Image::measure() const {
  const Layout& layout = content_->layout;
  Measurement m;
  m.required = layout.image_size();
  m.fully_allocated = layout.fully_allocated_size();
  m.virtual_size = layout.virtual_size();
  m.data = layout.map().count(ClusterKind::kData);
  m.compressed = layout.map().count(ClusterKind::kCompressed);
  for (const std::uint32_t size : layout.map().compressed_sizes()) m.compressed_bytes += size;
  m.compressed_kept = content_->compressed.kept();
  m.zero = layout.map().count(ClusterKind::kZero);
  m.unallocated = layout.map().guest_clusters() - layout.map().mapped();
  for (const Region& region : layout.regions()) {
    m.regions.push_back({region_name(region.kind), region.range});
  }
  m.detects_changes = content_->disk->stamp().has_value();
  return m;
}

Image::Segments Image::segments(HostRange range) const {
  assert(range.begin.value() <= size() && range.length <= size() - range.begin.value());
  return {*content_, range};
}

void Image::read(HostOffset offset, std::span<std::byte> buffer) const {
  Segments cursor = segments({offset, buffer.size()});
  while (const auto segment = cursor.next()) {
    const auto out = buffer.first(segment->range.length);
    buffer = buffer.subspan(out.size());
    switch (segment->kind) {
      case Segment::Kind::kGenerated:
        if (const auto trailer = root_trailer(); trailer && segment->range.begin >= *trailer) {
          content_->read_trailer(segment->range.begin, out);
        } else {
          content_->generate(segment->range.begin, out);
        }
        break;
      case Segment::Kind::kCompressed:
        content_->compressed.read(segment->range.begin, out);
        break;
      case Segment::Kind::kZeros:
        std::ranges::fill(out, std::byte{0});
        break;
      case Segment::Kind::kDisk:
        content_->disk->read(segment->disk_offset, out);
        break;
    }
  }
}

bool Image::keeps_compressed() const {
  return content_->options.compression && content_->options.compression->keep;
}

StoredPart Image::stored_at(HostRange range) const {
  return content_->compressed.stored_at(range);
}

void Image::will_read_stored(HostRange range) const noexcept {
  content_->compressed.will_read(range);
}

std::optional<Segment> Image::Segments::next() {
  if (rest_.length == 0) return std::nullopt;
  Segment segment = content_->segment_at(rest_.begin);
  segment.range = rest_.take_front(segment.range.length);
  return segment;
}

}  // namespace qcow2stream
