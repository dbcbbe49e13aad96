// SPDX-License-Identifier: GPL-2.0-or-later
//
// Runs on their way out of the confined program: for each its length, its kind and its place.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/fields.h"
#include "qcow2stream/run.h"
#include "qcow2stream/types.h"

namespace qcow2stream::confined {

struct ToldRun {
  enum class Kind : std::uint32_t {
    kZeros,
    kPlain,  // its bytes lie in the image, from `place` on
    kMade,   // they have to be asked for
    kBelow,  // of changes only
  };
  Kind kind = Kind::kZeros;
  GuestRange range;
  std::uint64_t place = 0;
};

// At most so many are told at once.
inline constexpr std::size_t kMostToldRuns = 2048;

// A disk has no more bytes.
inline constexpr std::uint64_t kMostDiskBytes = std::uint64_t{1} << 63;

// What the runs may be of.
enum class RunsOf { kDisk, kChanges };

void write_run(FieldWriter& fields, const ToldRun& run);

// Reads them: at least one, in order, from the beginning of `asked` on, none behind its end, and
// each place within the `file_bytes` of the image. `asked` is not empty and within kMostDiskBytes.
// Nothing if they make no sense.
std::optional<std::vector<ToldRun>> read_runs(std::span<const std::byte> bytes, GuestRange asked,
                                              std::uint64_t file_bytes, RunsOf what);

// Where a blob lies in the image (StoredBlob), for each of the clusters that were asked for.
struct ToldBlob {
  std::uint64_t begin = 0;
  std::uint64_t most = 0;  // 0: the cluster is not stored so
};

inline constexpr std::size_t kMostToldBlobs = 4096;

void write_blob(FieldWriter& fields, const ToldBlob& blob);

// Reads at least one, at most `asked`. Nothing if they make no sense.
std::optional<std::vector<ToldBlob>> read_blobs(std::span<const std::byte> bytes,
                                                std::uint64_t asked, std::uint64_t file_bytes);

}  // namespace qcow2stream::confined
