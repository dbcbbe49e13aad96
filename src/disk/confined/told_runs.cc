// SPDX-License-Identifier: GPL-2.0-or-later

#include "disk/confined/told_runs.h"

#include <algorithm>

namespace qcow2stream::confined {
namespace {

bool lies_in_file(std::uint64_t begin, std::uint64_t length, std::uint64_t file_bytes) {
  return begin <= file_bytes && length <= file_bytes - begin;
}

}  // namespace

void write_run(FieldWriter& fields, const ToldRun& run) {
  fields.number(run.range.length);
  fields.number(static_cast<std::uint64_t>(run.kind));
  fields.number(run.place);
}

std::optional<std::vector<ToldRun>> read_runs(std::span<const std::byte> bytes, GuestRange asked,
                                              std::uint64_t file_bytes, RunsOf what) {
  std::vector<ToldRun> runs;
  FieldReader fields(bytes);
  while (!fields.is_at_end()) {
    const std::uint64_t length = fields.number_up_to(asked.length);
    const auto kind = static_cast<ToldRun::Kind>(
        fields.number_up_to(static_cast<std::uint64_t>(ToldRun::Kind::kBelow)));
    const std::uint64_t place = fields.number();
    const bool is_of_these =
        kind != (what == RunsOf::kDisk ? ToldRun::Kind::kBelow : ToldRun::Kind::kPlain);
    if (!fields.makes_sense() || !is_of_these || length == 0 || runs.size() == kMostToldRuns) {
      return std::nullopt;
    }
    if (kind == ToldRun::Kind::kPlain && !lies_in_file(place, length, file_bytes)) {
      return std::nullopt;
    }
    runs.push_back({.kind = kind, .range = asked.take_front(length), .place = place});
  }
  if (runs.empty()) return std::nullopt;
  return runs;
}

void write_blob(FieldWriter& fields, const ToldBlob& blob) {
  fields.number(blob.begin);
  fields.number(blob.most);
}

std::optional<std::vector<ToldBlob>> read_blobs(std::span<const std::byte> bytes,
                                                std::uint64_t asked, std::uint64_t file_bytes) {
  std::vector<ToldBlob> blobs;
  FieldReader fields(bytes);
  while (!fields.is_at_end()) {
    const std::uint64_t begin = fields.number();
    const std::uint64_t most = fields.number();
    if (!fields.makes_sense() || blobs.size() == std::min<std::uint64_t>(asked, kMostToldBlobs) ||
        !lies_in_file(begin, most, file_bytes)) {
      return std::nullopt;
    }
    blobs.push_back({.begin = begin, .most = most});
  }
  if (blobs.empty()) return std::nullopt;
  return blobs;
}

}  // namespace qcow2stream::confined
