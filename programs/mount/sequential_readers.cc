// SPDX-License-Identifier: GPL-2.0-or-later

#include "mount/sequential_readers.h"

#include <algorithm>

namespace qcow2stream::cli {
namespace {

// As much without a gap is no accident.
constexpr std::uint64_t kSequential = 512 << 10;

// How far he is told ahead, and the least that is worth a call. 8 GiB with 4.9 GiB of data, cold,
// took one reader 3.4-4.0 s with it, 4.8-9.6 s without.
constexpr std::uint64_t kAhead = 16 << 20;
constexpr std::uint64_t kStep = 2 << 20;

// How far requests may be out of order: a few of the largest that the kernel makes.
constexpr std::uint64_t kDisorder = 4 << 20;

}  // namespace

SequentialReaders::Range SequentialReaders::after(std::uint64_t offset, std::uint64_t length) {
  const std::lock_guard lock(mutex_);
  Reader& reader = reader_of(offset, length);
  reader.turn = ++turn_;
  reader.begin = std::min(reader.begin, offset);
  reader.end = std::max(reader.end, offset + length);
  reader.read += length;
  const bool has_gaps = reader.read < (reader.end - reader.begin) / 2;
  if (has_gaps || reader.read < kSequential) return {};
  const std::uint64_t from = std::max(reader.told, reader.end);
  const std::uint64_t to = reader.end + kAhead;
  if (to - std::min(from, to) < kStep) return {};
  reader.told = to;
  return {from, to - from};
}

SequentialReaders::Reader& SequentialReaders::reader_of(std::uint64_t offset,
                                                        std::uint64_t length) {
  const auto reads_on = [&](const Reader& reader) {
    return reader.turn != 0 && offset <= reader.end + kDisorder &&
           offset + length + kDisorder >= reader.end;
  };
  for (Reader& reader : readers_) {
    if (reads_on(reader)) return reader;
  }
  Reader& oldest = *std::ranges::min_element(readers_, {}, &Reader::turn);
  oldest = {.begin = offset, .end = offset};
  return oldest;
}

}  // namespace qcow2stream::cli
