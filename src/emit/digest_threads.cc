// SPDX-License-Identifier: GPL-2.0-or-later

#include "emit/digest_threads.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace qcow2stream {

DigestThreads::DigestThreads(std::span<const DigestAlgorithm> algorithms) {
  for (const DigestAlgorithm algorithm : algorithms) {
    workers_.push_back({.algorithm = algorithm, .hasher = make_hasher(algorithm)});
  }
  threads_.reserve(workers_.size());
  try {
    for (Worker& worker : workers_) {
      threads_.emplace_back([this, &worker] { hash_pieces(worker); });
    }
  } catch (...) {
    // The destructor will not run, and the threads that were started wait for work.
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    work_.notify_all();
    throw;
  }
}

DigestThreads::~DigestThreads() {
  const std::lock_guard lock(mutex_);
  stopping_ = true;
  work_.notify_all();
}

std::uint64_t DigestThreads::done_by_all() const {
  return std::ranges::min_element(workers_, {}, &Worker::done)->done;
}

void DigestThreads::rethrow_error() const {
  if (error_) std::rethrow_exception(error_);
}

std::vector<std::byte> DigestThreads::take() {
  std::unique_lock lock(mutex_);
  room_.wait(lock, [this] { return error_ || put_ - done_by_all() < kSlots; });
  rethrow_error();
  return std::move(slots_[put_ % kSlots].buffer);
}

void DigestThreads::put(std::vector<std::byte> buffer, std::size_t length) {
  const std::lock_guard lock(mutex_);
  rethrow_error();
  assert(!ended_ && length <= buffer.size() && put_ - done_by_all() < kSlots);
  slots_[put_ % kSlots] = {.buffer = std::move(buffer), .length = length};
  ++put_;
  work_.notify_all();
}

std::vector<Digest> DigestThreads::finish() {
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
    work_.notify_all();
  }
  threads_.clear();  // joins
  rethrow_error();
  std::vector<Digest> digests;
  for (Worker& worker : workers_) {
    digests.push_back({.algorithm = worker.algorithm, .value = worker.hasher->finish()});
  }
  return digests;
}

void DigestThreads::hash_pieces(Worker& worker) {
  try {
    std::unique_lock lock(mutex_);
    for (;;) {
      work_.wait(lock, [&] { return stopping_ || error_ || ended_ || worker.done < put_; });
      if (stopping_ || error_ || worker.done == put_) return;
      // Nobody touches the slot until all workers have hashed it.
      const Slot& slot = slots_[worker.done % kSlots];
      lock.unlock();
      worker.hasher->update(std::span(slot.buffer).first(slot.length));
      lock.lock();
      ++worker.done;
      room_.notify_one();
    }
  } catch (...) {
    const std::lock_guard lock(mutex_);
    if (!error_) error_ = std::current_exception();
    room_.notify_all();
    work_.notify_all();
  }
}

}  // namespace qcow2stream
