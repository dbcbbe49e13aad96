// SPDX-License-Identifier: GPL-2.0-or-later
//
// What a confined program that was taken over could answer: whatever is believed of it lies within
// the image and within what was asked for.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "base/errors.h"
#include "disk/confined/opened.h"
#include "disk/confined/protocol.h"
#include "disk/confined/told_error.h"
#include "disk/confined/told_runs.h"
#include "input.h"

namespace qcow2stream::fuzz {
namespace {

using confined::kMostDiskBytes;
using confined::RunsOf;
using confined::ToldRun;

void check_runs(std::span<const std::byte> bytes, GuestRange asked, std::uint64_t file_bytes,
                RunsOf what) {
  const auto runs = confined::read_runs(bytes, asked, file_bytes, what);
  if (!runs) return;
  require(!runs->empty() && runs->size() <= confined::kMostToldRuns, "some runs");
  GuestOffset at = asked.begin;
  for (const ToldRun& run : *runs) {
    require(run.range.begin == at && run.range.length > 0, "in order");
    require(run.range.length <= asked.end() - at, "within the range");
    at = run.range.end();
    if (run.kind != ToldRun::Kind::kPlain) continue;
    require(what == RunsOf::kDisk, "changes have no place");
    require(run.place <= file_bytes && run.range.length <= file_bytes - run.place,
            "within the image");
  }
}

void check_blobs(std::span<const std::byte> bytes, std::uint64_t asked, std::uint64_t file_bytes) {
  const auto blobs = confined::read_blobs(bytes, asked, file_bytes);
  if (!blobs) return;
  require(!blobs->empty() && blobs->size() <= asked, "some blobs");
  for (const auto& blob : *blobs) {
    require(blob.begin <= file_bytes && blob.most <= file_bytes - blob.begin, "within the image");
  }
}

void check_opened(std::span<const std::byte> bytes) {
  const auto opened = confined::read_opened(bytes);
  if (!opened) return;
  require(opened->size <= kMostDiskBytes, "a size");
  const std::uint64_t cluster = opened->stored.cluster_size;
  require(cluster >= 512 && cluster <= confined::kSlotBytes && (cluster & (cluster - 1)) == 0,
          "a cluster");
  for (const Caveat& caveat : opened->caveats) {
    require(one_line(caveat.text) == caveat.text, "a line");
  }
}

void check_error(std::span<const std::byte> bytes) {
  const auto error = confined::read_error(bytes, "disk");
  if (!error) return;
  require(error->name() == "disk" && error->kind() <= ErrorKind::kDamaged, "our name");
  require(one_line(error->what()) == error->what(), "one line");
}

// The first six bytes are what was asked for, the rest is the answer.
void check(std::span<const std::uint8_t> input) {
  constexpr std::size_t kAsked = 6;
  const auto head = input.first(std::min(kAsked, input.size()));
  Input numbers(head);
  const GuestRange asked{GuestOffset(numbers.number()), 1 + numbers.number()};
  const std::uint64_t file_bytes = numbers.number();
  const auto bytes = std::as_bytes(input.subspan(head.size()));
  check_runs(bytes, asked, file_bytes, RunsOf::kDisk);
  check_runs(bytes, asked, file_bytes, RunsOf::kChanges);
  check_blobs(bytes, 1 + asked.length % 64, file_bytes);
  check_opened(bytes);
  check_error(bytes);
}

}  // namespace
}  // namespace qcow2stream::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return qcow2stream::fuzz::run("confined-answer", [&] { qcow2stream::fuzz::check({data, size}); });
}
