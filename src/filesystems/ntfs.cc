// SPDX-License-Identifier: GPL-2.0-or-later

#include "filesystems/ntfs.h"

#include <fmt/format.h>

#include <algorithm>
#include <new>
#include <vector>

#include "base/bits.h"
#include "filesystems/kept.h"
#include "filesystems/ntfs_volume.h"
#include "filesystems/ntfs_witness.h"
#include "filesystems/unit_runs.h"

namespace qcow2stream {
namespace {

// The runs of clusters that $Bitmap calls free.
RunList free_clusters(const NtfsVolume& volume) {
  constexpr std::size_t kMost = std::size_t{1} << 20U;
  volume.check_bitmap();
  const std::uint64_t clusters = volume.geometry().clusters;
  const std::uint64_t bytes = div_up(clusters, 8);
  std::vector<std::uint64_t> words(kMost / sizeof(std::uint64_t));
  RunList free;
  for (std::uint64_t offset = 0; offset < bytes; offset += kMost) {
    const std::uint64_t length = std::min<std::uint64_t>(kMost, bytes - offset);
    volume.read_bitmap(offset, std::as_writable_bytes(std::span(words)).first(length));
    words_from_little(words);
    for_each_clear_run(words, std::min(8 * length, clusters - 8 * offset), [&](UnitRun run) {
      free.append({8 * offset + run.begin, run.length});
    });
  }
  return free;
}

void hand_over(std::span<const UnitRun> from, std::uint64_t cluster_size, LeftOutKind kind,
               FreeRuns& runs) {
  for (const UnitRun& run : from)
    runs.add({VolumeOffset(run.begin * cluster_size), run.length * cluster_size}, kind);
}

void examine_clusters(const Volume& volume, Kinds kinds, FreeRuns& runs, Finding& finding) {
  const NtfsGeometry geometry = read_ntfs_geometry(volume);
  finding.block_size = geometry.cluster_size;
  finding.name = fmt::format("{:016X}", geometry.serial_number);
  const NtfsVolume opened(volume, geometry);
  if (std::string label = opened.label(); !label.empty()) finding.name = std::move(label);
  opened.check_state();
  const RunList free = free_clusters(opened);
  std::uint64_t count = 0;
  for (const UnitRun& run : free.runs()) count += run.length;
  finding.free = count * geometry.cluster_size;
  finding.used = (geometry.clusters - count) * geometry.cluster_size;
  const std::vector<UnitRun> swap =
      check_ntfs_records(opened, free, geometry.clusters - count, kinds.swap);
  if (kinds.free) hand_over(free.runs(), geometry.cluster_size, LeftOutKind::kFree, runs);
  hand_over(swap, geometry.cluster_size, LeftOutKind::kSwap, runs);
}

}  // namespace

Finding examine_ntfs(const Volume& volume, Kinds kinds, FreeRuns& runs) {
  Finding finding;
  finding.format = "ntfs";
  try {
    examine_clusters(volume, kinds, runs, finding);
  } catch (const Kept& kept) {
    finding.kept_because = kept.because();
    finding.remedy = kept.remedy();
  } catch (const std::bad_alloc&) {
    finding.kept_because = "there is too little memory to examine it";
  }
  return finding;
}

}  // namespace qcow2stream
