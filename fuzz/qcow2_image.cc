// SPDX-License-Identifier: GPL-2.0-or-later
//
// qcow2 images of any bytes: header, tables, snapshots, compressed clusters. What is read as an
// image is a disk whose runs cover it, in which zeros are zeros, and of which a queue and a read
// give the same bytes; anything else is an Error. Of what is salvaged nothing is one, once it is
// open.
//
// An input is a byte that says whether a snapshot is wanted (1) and whether to salvage (2), and an
// image (sparse_image.h).

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "input.h"
#include "qcow2stream/qcow2.h"
#include "sparse_image.h"
#include "testing.h"

namespace qcow2stream::fuzz {
namespace {

using Bytes = std::vector<std::byte>;

constexpr int kMostRuns = 300;
constexpr std::uint64_t kMostOfARun = 6000;

// The bytes of the range, or nothing where the image is damaged there.
std::optional<Bytes> bytes_of(const Disk& disk, GuestRange range) {
  Bytes bytes(range.length);
  try {
    disk.read(range.begin, bytes);
  } catch (const Error&) {
    return {};
  }
  return bytes;
}

std::optional<Bytes> bytes_by_queue(RequestQueue& queue, GuestRange range) {
  Bytes bytes(range.length);
  try {
    queue.submit(range.begin, bytes, 7);
    require(queue.wait() == 7, "the tag");
  } catch (const Error&) {
    return {};
  }
  return bytes;
}

void check_run(const Disk& disk, const Run& run) {
  const GuestRange range = run.range.first(kMostOfARun);
  const auto bytes = bytes_of(disk, range);
  const auto again = bytes_by_queue(*disk.queue(), range);
  require(bytes == again, "the same bytes by a queue");
  if (!run.is_data()) {
    require(bytes.has_value(), "zeros that can be read");
    require(std::ranges::all_of(*bytes, [](std::byte b) { return b == std::byte{0}; }), "zeros");
  }
  const Run there = disk.run_at(range);
  require(there.range.begin == range.begin && there.range.length > 0 &&
              there.range.length <= range.length,
          "a run at that place");
  require(run.is_data() || !there.is_data(), "zeros that are known to be");
}

void check_disk(const Disk& disk) {
  if (disk.size() == 0) return;
  require(disk.size() % 512 == 0, "whole sectors");
  const auto runs = disk.runs({GuestOffset(0), disk.size()});
  GuestOffset at(0);
  for (int i = 0; i < kMostRuns; ++i) {
    const auto run = runs->next();
    if (!run) {
      require(at.value() == disk.size(), "runs to the end");
      return;
    }
    require(run->range.begin == at && run->range.length > 0, "run after run");
    at = run->range.end();
    require(at.value() <= disk.size(), "runs within the disk");
    check_run(disk, *run);
  }
}

void check(Input input) {
  Qcow2Options options;
  const unsigned choice = input.byte();
  if ((choice & 1) != 0) options.snapshot = "1";
  if ((choice & 2) != 0) options.lost = std::make_shared<LostRanges>();
  auto file = std::make_shared<testing::MemoryDisk>(image_of(input));
  bool is_open = false;
  try {
    const auto disk = open_qcow2(std::move(file), options).disk;
    is_open = true;
    check_disk(*disk);
  } catch (const Error&) {
    require(!is_open || options.lost == nullptr, "nothing that cannot be salvaged");
    // as it should be, for what is no image or a damaged one
  }
}

}  // namespace
}  // namespace qcow2stream::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return qcow2stream::fuzz::run("qcow2-image", [&] {
    qcow2stream::fuzz::check(qcow2stream::fuzz::Input({data, size}));
  });
}
