// SPDX-License-Identifier: GPL-2.0-or-later

#include "survey/changed_content.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/bits.h"
#include "layout/layout.h"
#include "survey/extents.h"

namespace qcow2stream {
namespace {

// The runs of a disk in whole chunks: those with a part that has changed are data.
class ChangedChunks final : public RunCursor {
 public:
  // From `all_from` on, a multiple of the chunks' size, everything has changed.
  ChangedChunks(std::unique_ptr<RunCursor> changed, unsigned chunk_bits, std::uint64_t all_from,
                std::uint64_t disk_size)
      : changed_(std::move(changed)),
        chunk_(std::uint64_t{1} << chunk_bits),
        all_from_(std::min(all_from, disk_size)),
        end_(disk_size) {}

  std::optional<Run> next() override {
    if (at_ == end_) return std::nullopt;
    while (next_.end() <= at_ && find_next()) {
    }
    const GuestOffset begin = std::min(next_.end() > at_ ? next_.begin : end_, all_from_);
    const bool has_changed = begin <= at_;
    const GuestOffset end = !has_changed ? begin : at_ >= all_from_ ? end_ : next_.end();
    const Run run{.range = {at_, end - at_}, .holds = data_or_zeros(has_changed)};
    at_ = end;
    return run;
  }

 private:
  // The next that has changed, in whole chunks. False behind the last.
  bool find_next() {
    while (const auto run = changed_->next()) {
      if (!run->is_data()) continue;
      const GuestOffset begin(align_down(run->range.begin.value(), chunk_));
      next_ = {begin,
               std::min(align_up(run->range.end().value(), chunk_), end_.value()) - begin.value()};
      return true;
    }
    return false;
  }

  std::unique_ptr<RunCursor> changed_;
  const std::uint64_t chunk_;
  const GuestOffset all_from_;
  const GuestOffset end_;
  GuestOffset at_;
  GuestRange next_;  // that has changed; may begin before at_
};

// What has not been hashed is as it was.
void inherit(RunCursor& chunks, const Manifest& base, ManifestBuilder& content) {
  const unsigned bits = content.chunk_bits();
  Manifest::Cursor cursor(base);
  while (const auto run = chunks.next()) {
    if (run->is_data()) continue;
    const std::uint64_t end = ((run->range.end().value() - 1) >> bits) + 1;
    for (std::uint64_t chunk = run->range.begin.value() >> bits; chunk < end;) {
      const ManifestChunk was = cursor.at(chunk);
      if (!was.zeros) content.set(chunk, was.digest, true);
      chunk += was.zeros ? was.run : 1;
    }
  }
}

}  // namespace

std::shared_ptr<ManifestBuilder> hash_changed(const Disk& disk, std::unique_ptr<RunCursor> data,
                                              const std::shared_ptr<const ClusterMap>& changed,
                                              const Manifest& base, const HashedRuns& options) {
  const ManifestHeader& header = base.header();
  const std::uint64_t length = virtual_size_of(disk.size());
  const bool has_other_size = header.length != length;
  const std::uint64_t all_from = has_other_size ? align_down(std::min(header.length, length),
                                                             std::uint64_t{1} << header.chunk_bits)
                                                : length;
  const auto chunks = [&] {
    return std::make_unique<ChangedChunks>(extents_of(changed, Listed::kAll, disk.size()),
                                           header.chunk_bits, all_from, disk.size());
  };
  auto content = hash_runs(
      disk, intersection_of(chunks(), std::move(data), disk.size()),
      {.chunk_bits = header.chunk_bits, .threads = options.threads, .progress = options.progress});
  inherit(*chunks(), base, *content);
  return content;
}

}  // namespace qcow2stream
