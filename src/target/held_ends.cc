// SPDX-License-Identifier: GPL-2.0-or-later

#include "target/held_ends.h"

#include <algorithm>

#include "base/zero.h"

namespace qcow2stream {

GuestRange HeldEnds::End::overlap(GuestRange other) const {
  const GuestOffset begin = std::max(range.begin, other.begin);
  const GuestOffset end = std::min(range.end(), other.end());
  return begin < end ? GuestRange{begin, end - begin} : GuestRange{begin, 0};
}

std::span<std::byte> HeldEnds::End::at(GuestRange part) {
  return std::span(bytes).subspan(part.begin - range.begin, part.length);
}

void HeldEnds::End::mark(GuestRange part) {
  const std::uint64_t first = (part.begin - range.begin) / kBlock;
  const std::uint64_t last = (part.end() - range.begin - 1) / kBlock;
  for (std::uint64_t block = first; block <= last; ++block) written.at(block) = true;
}

void HeldEnds::set_size(std::uint64_t size) {
  inner_.set_size(size);
  size_ = size;
  if (has_begun_) return;
  has_begun_ = true;
  begin(size);
}

void HeldEnds::begin(std::uint64_t size) {
  const std::uint64_t whole = std::max(inner_.traits().size.value_or(size), size);
  const std::uint64_t first = std::min(whole, kEnd);
  const std::uint64_t last = std::max(first, whole - first);
  hold({GuestOffset(0), first}, size);
  hold({GuestOffset(last), whole - last}, size);
  // All is kept before anything is blanked.
  for (const auto& end : ends_) inner_.zero(end->range);
  if (!ends_.empty()) inner_.flush();
}

// Keeps what lies in a range behind a disk of `size` bytes.
void HeldEnds::hold(GuestRange range, std::uint64_t size) {
  const std::uint64_t end_of_disk = std::clamp(size, range.begin.value(), range.end().value());
  const GuestRange behind = {GuestOffset(end_of_disk), range.end().value() - end_of_disk};
  const bool can_be_kept = inner_.traits().can_be_read;
  if (!can_be_kept) range.length -= behind.length;
  if (range.length == 0) return;
  auto end = std::make_unique<End>();
  end->range = range;
  end->bytes.resize(range.length);
  if (can_be_kept && behind.length != 0) {
    const auto kept = end->at(behind);
    inner_.read(behind.begin, kept);
    for (GuestRange left = behind; left.length != 0;) {
      const GuestRange block = left.take_front(kBlock - (left.begin - range.begin) % kBlock);
      if (!is_zero(end->at(block))) end->mark(block);
    }
  }
  ends_.push_back(std::move(end));
}

// Calls held(end, part) for what of `range` lies in an end, and direct(part) for the rest.
template <class Held, class Direct>
void HeldEnds::divide(GuestRange range, const Held& held, const Direct& direct) {
  for (const auto& end : ends_) {
    const GuestRange part = end->overlap(range);
    if (part.length == 0) continue;
    const GuestRange before = range.take_front(part.begin - range.begin);
    if (before.length != 0) direct(before);
    held(*end, range.take_front(part.length));
  }
  if (range.length != 0) direct(range);
}

void HeldEnds::write(GuestOffset offset, std::span<const std::byte> bytes) {
  const auto of = [&](GuestRange part) { return bytes.subspan(part.begin - offset, part.length); };
  divide(
      {offset, bytes.size()},
      [&](End& end, GuestRange part) {
        std::ranges::copy(of(part), end.at(part).begin());
        end.mark(part);
      },
      [&](GuestRange part) { inner_.write(part.begin, of(part)); });
}

void HeldEnds::zero(GuestRange range) {
  divide(
      range, [](End& end, GuestRange part) { std::ranges::fill(end.at(part), std::byte{0}); },
      [&](GuestRange part) { inner_.zero(part); });
}

void HeldEnds::read(GuestOffset offset, std::span<std::byte> buffer) {
  const auto of = [&](GuestRange part) { return buffer.subspan(part.begin - offset, part.length); };
  divide(
      {offset, buffer.size()},
      [&](End& end, GuestRange part) { std::ranges::copy(end.at(part), of(part).begin()); },
      [&](GuestRange part) { inner_.read(part.begin, of(part)); });
}

// Writes the blocks of `range`, a part of the end, that hold something, in runs. Returns whether
// there were any. An end may lie behind a disk that has become smaller.
bool HeldEnds::write_back(End& end, GuestRange range) {
  const GuestOffset limit(inner_.traits().size.value_or(size_));
  bool has_written = false;
  const auto write = [&](GuestRange run) {
    if (run.length == 0) return;
    inner_.write(run.begin, end.at(run));
    has_written = true;
  };
  GuestRange run = range.first(0);
  for (GuestRange left = range.first(limit - std::min(limit, range.begin)); left.length != 0;) {
    const std::uint64_t number = (left.begin - end.range.begin) / kBlock;
    const GuestRange block = left.take_front(kBlock);
    if (end.written.at(number)) {
      run.length += block.length;
    } else {
      write(run);
      run = {block.end(), 0};
    }
  }
  write(run);
  return has_written;
}

// The first block comes last, behind a flush of all others: a machine that fails meanwhile must not
// keep the beginning and lose something else, which would look like the whole disk. Until then,
// what may be found is the copy of a GPT at the end, by programs that repair one.
void HeldEnds::finish() {
  if (!ends_.empty()) inner_.flush();
  for (; !ends_.empty(); ends_.pop_back()) {
    auto& end = ends_.back();
    const GuestRange range = end->range;
    const bool is_first = range.begin.value() == 0;
    const GuestRange rest = is_first ? range.without_first(kBlock) : range;
    if (write_back(*end, rest)) inner_.flush();
    if (is_first && write_back(*end, range.first(kBlock))) inner_.flush();
  }
  inner_.finish();
}

}  // namespace qcow2stream
