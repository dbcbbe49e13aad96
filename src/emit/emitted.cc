// SPDX-License-Identifier: GPL-2.0-or-later

#include "emit/emitted.h"

#include <algorithm>
#include <utility>

#include "base/bits.h"
#include "emit/read_error.h"

namespace qcow2stream {
namespace {

constexpr std::uint64_t kSector = 512;

class ImageSegments final : public SegmentCursor {
 public:
  explicit ImageSegments(Image::Segments segments) : segments_(segments) {}
  std::optional<Segment> next() override { return segments_.next(); }

 private:
  Image::Segments segments_;
};

// Where the kernel copies, it copies holes as well. A server is not asked for what it says is
// zeros.
class DiskSegments final : public SegmentCursor {
 public:
  DiskSegments(const Disk& disk, HostRange range) : disk_size_(disk.size()), rest_(range) {
    const DiskTraits traits = disk.traits();
    const bool asks = traits.knows_zeros && traits.places == DiskTraits::Places::kNone;
    const std::uint64_t there = held(range.length);
    if (asks && there > 0) runs_ = disk.runs({GuestOffset(range.begin.value()), there});
  }

  std::optional<Segment> next() override {
    if (rest_.length == 0) return std::nullopt;
    const std::uint64_t begin = rest_.begin.value();
    const std::uint64_t there = held(rest_.length);
    if (there == 0) return Segment{.kind = Segment::Kind::kZeros, .range = take(rest_.length)};
    const auto run = runs_ != nullptr ? runs_->next() : std::nullopt;
    const bool is_zeros = run && run->holds == Run::Holds::kZeros;
    return Segment{.kind = is_zeros ? Segment::Kind::kZeros : Segment::Kind::kDisk,
                   .range = take(run ? std::min(run->range.length, there) : there),
                   .disk_offset = GuestOffset(begin)};
  }

 private:
  // How much of what comes next, and of `length`, the disk has.
  [[nodiscard]] std::uint64_t held(std::uint64_t length) const {
    return std::min(length, disk_size_ - std::min(disk_size_, rest_.begin.value()));
  }
  HostRange take(std::uint64_t length) { return rest_.take_front(length); }

  const std::uint64_t disk_size_;
  HostRange rest_;
  std::unique_ptr<RunCursor> runs_;  // null: all is data
};

}  // namespace

std::unique_ptr<SegmentCursor> EmittedImage::segments(HostRange range) const {
  return std::make_unique<ImageSegments>(image_.segments(range));
}

std::optional<Error> EmittedImage::change_behind(const Error& error, std::uint64_t most) const {
  return qcow2stream::change_behind(error, image_, most);
}

std::uint64_t EmittedDisk::size() const {
  return align_up(disk_.size(), kSector);
}

void EmittedDisk::read(HostOffset offset, std::span<std::byte> buffer) const {
  DiskSegments cursor(disk_, {offset, buffer.size()});
  while (const auto segment = cursor.next()) {
    const auto out = buffer.first(segment->range.length);
    buffer = buffer.subspan(out.size());
    if (segment->kind == Segment::Kind::kZeros) {
      std::ranges::fill(out, std::byte{0});
    } else {
      disk_.read(segment->disk_offset, out);
    }
  }
}

std::unique_ptr<SegmentCursor> EmittedDisk::segments(HostRange range) const {
  return std::make_unique<DiskSegments>(disk_, range);
}

}  // namespace qcow2stream
