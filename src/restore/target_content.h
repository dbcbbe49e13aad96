// SPDX-License-Identifier: GPL-2.0-or-later
//
// Hashes what a target holds.

#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "manifest/content_hash.h"
#include "qcow2stream/manifest.h"
#include "qcow2stream/target.h"
#include "restore/chunk_set.h"
#include "restore/worker_pool.h"

namespace qcow2stream {

// Reads chunks of a target with several threads. Belongs to one thread. Throws Error.
class TargetContent {
 public:
  // The content has `length` bytes. What the target does not have of that is zeros. `done` counts
  // the bytes that are hashed, if it is given. All must outlive it.
  TargetContent(Target& target, std::uint64_t length, unsigned chunk_bits, WorkerPool& workers,
                std::atomic<std::uint64_t>* done = nullptr);

  // Is called from several threads, those of the pool, in no order.
  using Use =
      std::function<void(std::uint64_t chunk, const ContentDigest& digest, unsigned thread)>;
  // Each returns when all have been handed over. Of all, holes of the target are not read.
  void read_all(const Use& use);
  void read(const ChunkSet& chunks, const Use& use);

 private:
  struct Desk {
    ContentHash hash;
    std::vector<std::byte> bytes;
  };

  [[nodiscard]] std::uint64_t zero_chunks(std::uint64_t first, std::uint64_t chunks) const;
  void read_run(std::uint64_t first, std::uint64_t end, const Use& use, unsigned thread);
  void pass_zeros(std::uint64_t first, std::uint64_t end, const Use& use);
  void count(std::uint64_t bytes) const;
  void hand_out(std::uint64_t first, std::uint64_t end, const Use& use);

  Target& target_;
  const std::uint64_t length_;
  const unsigned chunk_bits_;
  std::uint64_t there_;  // bytes that the target has
  WorkerPool& workers_;
  std::atomic<std::uint64_t>* done_;
  std::vector<Desk> desks_;
};

// One look-up of chunks for each thread of a pool.
std::vector<Manifest::Cursor> cursors_of(const Manifest& manifest, const WorkerPool& workers);

// How long the content of a target is, as far as it says.
std::uint64_t content_length(const Target& target);

}  // namespace qcow2stream
