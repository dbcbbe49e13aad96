// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <memory>

#include "qcow2stream/content.h"
#include "qcow2stream/disk.h"
#include "qcow2stream/manifest.h"
#include "qcow2stream/progress.h"

namespace qcow2stream {

struct HashedRuns {
  unsigned chunk_bits = kDefaultChunkBits;
  unsigned threads = 0;  // as survey() has it
  Progress* progress = nullptr;
};

// Hashes what `runs`, which are those of the whole disk, call data. All else counts as zeros.
std::shared_ptr<ManifestBuilder> hash_runs(const Disk& disk, std::unique_ptr<RunCursor> runs,
                                           const HashedRuns& options);

}  // namespace qcow2stream
