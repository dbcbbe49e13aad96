// SPDX-License-Identifier: GPL-2.0-or-later
//
// qcow2 images of any bytes: header, tables, snapshots, dirty bitmaps, compressed clusters. What is
// read as an image is a disk whose runs cover it, in which zeros are zeros, and of which a queue
// and a read give the same bytes; anything else is an Error. Of what is salvaged nothing is one,
// once it is open. What a bitmap marks covers the disk, and what is told of its bits is what is
// read.
//
// An input is a byte that says whether a snapshot is wanted (1), whether to salvage (2), whether
// what the bitmap "b0" marks is wanted (4), whether bitmaps are carried over (8), whether what the
// image holds itself is wanted, without a backing file (16), and an image (sparse_image.h).

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "base/zero.h"
#include "codec/decoder.h"
#include "input.h"
#include "qcow2/bitmaps.h"
#include "qcow2stream/disk_bitmaps.h"
#include "qcow2stream/qcow2.h"
#include "qcow2stream/stored_clusters.h"
#include "sparse_image.h"
#include "testing.h"

namespace qcow2stream::fuzz {
namespace {

using Bytes = std::vector<std::byte>;

constexpr int kMostRuns = 300;
constexpr std::uint64_t kMostOfARun = 6000;
constexpr std::size_t kMostBitmaps = 8;

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

// Somebody who asks only whether all of it is zeros, and looks at its beginning.
void check_probe(const Disk& disk, GuestRange range, const Bytes& bytes) {
  constexpr std::size_t kBeginning = 64;
  Bytes beginning(std::min(bytes.size(), kBeginning));
  const auto queue = disk.queue();
  queue->submit_probe(range, beginning, 7);
  require(queue->wait() == 7, "the tag");
  require(is_zero(beginning) || !is_zero(bytes), "a probe that tells zeros");
  disk.read(range.begin, beginning);
  require(std::ranges::equal(beginning, std::span(bytes).first(beginning.size())),
          "the same beginning alone");
}

void check_run(const Disk& disk, const Run& run) {
  const GuestRange range = run.range.first(kMostOfARun);
  const auto bytes = bytes_of(disk, range);
  if (bytes) check_probe(disk, range, *bytes);
  const auto again = bytes_by_queue(*disk.queue(), range);
  require(bytes == again, "the same bytes by a queue");
  if (!run.is_data()) {
    require(bytes.has_value(), "zeros that can be read");
    require(is_zero(*bytes), "zeros");
  }
  const Run there = disk.run_at(range);
  require(there.range.begin == range.begin && there.range.length > 0 &&
              there.range.length <= range.length,
          "a run at that place");
  require(run.is_data() || !there.is_data(), "zeros that are known to be");
}

// Runs that are to cover the disk, of which `is_checked` chooses.
template <class Choice>
void check_runs(const Disk& disk, RunCursor& runs, const Choice& is_checked) {
  GuestOffset at(0);
  for (int i = 0; i < kMostRuns; ++i) {
    const auto run = runs.next();
    if (!run) {
      require(at.value() == disk.size(), "runs to the end");
      return;
    }
    require(run->range.begin == at && run->range.length > 0, "run after run");
    at = run->range.end();
    require(at.value() <= disk.size(), "runs within the disk");
    if (is_checked(*run)) check_run(disk, *run);
  }
}

void check_disk(const Disk& disk) {
  if (disk.size() == 0) return;
  require(disk.size() % 512 == 0, "whole sectors");
  const auto runs = disk.runs({GuestOffset(0), disk.size()});
  check_runs(disk, *runs, [](const Run&) { return true; });
}

// What has not changed may hold anything.
void check_changes(const Disk& disk, const Changes& changes) {
  const auto runs = changes.runs();
  check_runs(disk, *runs, [](const Run& run) { return run.holds != Run::Holds::kBelow; });
}

// What is told of the bits of a bitmap, beside the bits themselves.
void check_bitmap(const DiskBitmaps& bitmaps, std::size_t number, std::uint64_t size) {
  std::uint64_t at = 0;
  for (int i = 0; i < kMostRuns && at < size; ++i) {
    const auto stretch = bitmaps.stretch_at(number, at);
    require(stretch.length > 0, "a stretch");
    const std::uint64_t there = std::min(stretch.length, size - at);
    Bytes bits(std::min(there, kMostOfARun));
    bitmaps.read(number, at, bits);
    const bool has_last = at + bits.size() == size;
    const auto whole_bytes = std::span(bits).first(bits.size() - (has_last ? 1 : 0));
    if (stretch.holds == DiskBitmaps::Holds::kZeros) require(is_zero(bits), "no bits");
    if (stretch.holds == DiskBitmaps::Holds::kOnes) {
      require(std::ranges::count(whole_bytes, std::byte{0xff}) == std::ssize(whole_bytes),
              "all bits");
    }
    at += there;
  }
}

// What is wrong with a bitmap may show only when it is read.
void check_marks(const OpenedQcow2& opened) {
  try {
    if (opened.changes != nullptr) check_changes(*opened.disk, *opened.changes);
    const DiskBitmaps* const bitmaps = opened.disk->bitmaps();
    if (bitmaps == nullptr) return;
    for (std::size_t i = 0; i < bitmaps->list().size() && i < kMostBitmaps; ++i) {
      check_bitmap(
          *bitmaps, i,
          qcow2::bytes_of_bitmap(opened.disk->size(), bitmaps->list()[i].granularity_bits));
    }
  } catch (const Error&) {
    // as it should be, for a damaged one
  }
}

// What goes out for a compressed cluster that is kept decodes to that cluster.
void check_stored(const Disk& disk) {
  const StoredClusters* const stored = disk.stored_clusters();
  if (stored == nullptr) return;
  const std::uint64_t size = stored->cluster_size();
  const auto decoder = make_decoder(stored->type(), static_cast<std::uint32_t>(size));
  const std::uint64_t clusters = std::min<std::uint64_t>(disk.size() / size, kMostRuns);
  for (std::uint64_t i = 0; i < clusters; ++i) {
    const GuestRange cluster{GuestOffset(i * size), size};
    try {
      const auto blob = stored->find(cluster.begin);
      const auto length = blob ? stored->length(*blob) : std::nullopt;
      if (!length) continue;
      require(*length <= blob->most, "as many bytes as there are");
      Bytes bytes(*length);
      stored->read(*blob, 0, bytes);
      Bytes decoded(size);
      const BlobProblem problem = decoder->decode(bytes, decoded);
      const auto wanted = bytes_of(disk, cluster);
      require(wanted.has_value() == !problem.has_value(), "the same verdict on what is kept");
      require(!wanted || *wanted == decoded, "the same cluster from what is kept");
    } catch (const Error&) {
      continue;  // a damaged entry
    }
  }
}

Qcow2Options options_of(unsigned choice) {
  Qcow2Options options;
  // One of the three, or none.
  if ((choice & 1) != 0) {
    options.snapshot = "1";
  } else if ((choice & 4) != 0) {
    options.bitmap = "b0";
  } else if ((choice & 16) != 0) {
    options.top = TopImages{};
  }
  const bool salvages = (choice & 2) != 0;
  if (salvages) options.lost = std::make_shared<LostRanges>();
  options.carry_bitmaps = !options.snapshot && !salvages && (choice & 8) != 0;
  return options;
}

void check(Input input) {
  const Qcow2Options options = options_of(input.byte());
  auto file = std::make_shared<testing::MemoryDisk>(image_of(input));
  bool is_open = false;
  try {
    const OpenedQcow2 opened = open_qcow2(std::move(file), options);
    is_open = true;
    check_marks(opened);
    check_disk(*opened.disk);
    if (options.lost == nullptr) check_stored(*opened.disk);
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
