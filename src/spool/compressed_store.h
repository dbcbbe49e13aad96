// SPDX-License-Identifier: GPL-2.0-or-later
//
// A CompressedStore keeps what the survey compressed for the emission, as far as there is room: in
// memory first, then in an unlinked file if there is a directory for it. What does not fit is
// forgotten, and whoever needs it compresses it again.
//
// A worker compresses one run of guest clusters after the other. The results of a run lie behind
// each other, and only the run is remembered: a cluster's own place follows from the sizes of those
// before it in the run, which the cluster map has.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "qcow2stream/types.h"
#include "spool/spool_file.h"

namespace qcow2stream {

class CompressedStore {
 public:
  // How many bytes a run may have at most.
  static constexpr std::uint64_t kMaxRun = 32ULL << 20;

  // Keeps up to `memory` bytes in memory. Throws Error{kFailed} if `directory` is given and cannot
  // hold a file.
  CompressedStore(std::uint64_t memory, const std::optional<std::string>& directory);
  ~CompressedStore();
  CompressedStore(const CompressedStore&) = delete;
  CompressedStore& operator=(const CompressedStore&) = delete;

  // Belongs to one thread and must not outlive the store.
  class Writer {
   public:
    explicit Writer(CompressedStore& store) : store_(store) {}
    // Where the next bytes of the current run go, at most `size` of them.
    std::span<std::byte> room(std::size_t size);
    // Makes the first `size` bytes of room() a part of the run.
    void append(std::size_t size) { used_ += size; }
    // Ends the run, which has the results of all clusters from `first` up to `end` that were
    // compressed. Runs must not overlap, whichever worker made them. Throws Error if the file is
    // full.
    void finish(GuestCluster first, GuestCluster end);

   private:
    CompressedStore& store_;
    std::span<std::byte> slab_;  // what is left of the slab, from the run's first byte on
    std::size_t used_ = 0;       // bytes of it that the run has
  };

  struct Run {
    GuestCluster first;
    GuestCluster end;
    std::uint64_t offset = 0;  // in memory or in the file
    const std::byte* memory = nullptr;
  };
  // Ends the writing: no writer may be at work from here on. Any number of threads may use what
  // follows.
  void seal();
  // How many bytes were kept.
  [[nodiscard]] std::uint64_t size() const { return memory_used_ + file_used_; }
  // The run that `cluster` belongs to, or null if it was not kept.
  [[nodiscard]] const Run* find(GuestCluster cluster) const;
  // Fills `out` from byte `offset` of the run. Throws Error.
  void read(const Run& run, std::uint64_t offset, std::span<std::byte> out) const;

 private:
  class Slab;

  std::span<std::byte> new_slab();
  bool keep_in_memory(const Run& run, std::span<const std::byte> bytes);
  bool keep_in_file(Run run, std::span<const std::byte> bytes);

  std::uint64_t memory_;
  std::optional<SpoolFile> file_;
  std::mutex mutex_;  // guards what follows until seal()
  std::uint64_t memory_used_ = 0;
  std::uint64_t file_used_ = 0;
  std::vector<Run> runs_;
  std::vector<std::unique_ptr<Slab>> slabs_;
};

}  // namespace qcow2stream
