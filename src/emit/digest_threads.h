// SPDX-License-Identifier: GPL-2.0-or-later
//
// Hashes what is written at the same time as it is written, since hashing is the slower of the two.

#pragma once

#include <array>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

#include "digest/hasher.h"
#include "qcow2stream/digest.h"

namespace qcow2stream {

// A thread for each digest, and a ring of buffers that all of them read. A buffer goes round:
// take() it, fill it, write it, put() it; when every digest has it, take() hands it out again. So
// memory is the buffers of one ring, and a writer that is faster than the slowest digest waits.
//
// take(), put() and finish() belong to one thread. If a digest fails, the next call of one of them
// throws its error.
class DigestThreads {
 public:
  explicit DigestThreads(std::span<const DigestAlgorithm> algorithms);
  // What is still in the ring is dropped, unless finish() was called.
  ~DigestThreads();
  DigestThreads(const DigestThreads&) = delete;
  DigestThreads& operator=(const DigestThreads&) = delete;

  // A buffer of any size, to be handed to put() or dropped. Waits while the ring is full.
  std::vector<std::byte> take();
  // Adds the first `length` bytes of `buffer` to the digests. Must follow a take().
  void put(std::vector<std::byte> buffer, std::size_t length);
  // The digests of all bytes, in the order of the algorithms. No call may follow.
  std::vector<Digest> finish();

 private:
  struct Slot {
    std::vector<std::byte> buffer;
    std::size_t length = 0;
  };
  struct Worker {
    DigestAlgorithm algorithm;
    std::unique_ptr<Hasher> hasher;
    std::uint64_t done = 0;  // how many pieces it has hashed
  };

  static constexpr std::size_t kSlots = 16;

  void hash_pieces(Worker& worker);
  [[nodiscard]] std::uint64_t done_by_all() const;
  void rethrow_error() const;

  std::mutex mutex_;
  std::condition_variable room_;
  std::condition_variable work_;
  std::array<Slot, kSlots> slots_;
  std::vector<Worker> workers_;
  std::uint64_t put_ = 0;  // how many pieces there were; piece n lies in slot n % kSlots
  bool ended_ = false;     // no more pieces come
  bool stopping_ = false;
  std::exception_ptr error_;
  std::vector<std::jthread> threads_;  // last: joined before the rest goes
};

}  // namespace qcow2stream
