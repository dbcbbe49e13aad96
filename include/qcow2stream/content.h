// SPDX-License-Identifier: GPL-2.0-or-later
//
// Hashing a disk's content, without an image.

#pragma once

#include <memory>

#include "qcow2stream/disk.h"
#include "qcow2stream/leave_out.h"
#include "qcow2stream/manifest.h"
#include "qcow2stream/progress.h"
#include "qcow2stream/survey.h"

namespace qcow2stream {

struct HashOptions {
  // What may hold data; the rest counts as zeros and is not read.
  Allocation allocation;
  // What of that counts as zeros, too, in whole units of it; null: nothing.
  std::shared_ptr<const LeftOut> left_out;
  unsigned chunk_bits = kDefaultChunkBits;
  // Worker threads; 0 means one a core. The result does not depend on it.
  unsigned threads = 0;
  // Bytes a second that are read, on the average, at most. 0: there is no limit.
  std::uint64_t most_per_second = 0;
  // Is filled in while the disk is read, if given. Must outlive the call.
  Progress* progress = nullptr;
};

// Reads all of the disk that may hold data. Throws Error. Blocks until all is done.
std::shared_ptr<ManifestBuilder> hash_content(const Disk& disk, const HashOptions& options = {});

}  // namespace qcow2stream
