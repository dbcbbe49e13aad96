// SPDX-License-Identifier: GPL-2.0-or-later

#include "restore/worker_pool.h"

#include <utility>

#include "system/cores.h"

namespace qcow2stream {

WorkerPool::WorkerPool(unsigned threads) : threads_(threads != 0 ? threads : cores()) {
  workers_.reserve(threads_);
  try {
    for (unsigned i = 0; i < threads_; ++i) workers_.emplace_back([this, i] { run(i); });
  } catch (...) {
    // The destructor will not run, and the threads that were started wait for work.
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
    throw;
  }
}

WorkerPool::~WorkerPool() {
  const std::lock_guard lock(mutex_);
  stopping_ = true;
  changed_.notify_all();
}

void WorkerPool::submit(Work work) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return error_ || waiting_.size() < threads_; });
  if (error_) std::rethrow_exception(error_);
  waiting_.push_back(std::move(work));
  changed_.notify_all();
}

void WorkerPool::wait() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return busy_ == 0 && (error_ || waiting_.empty()); });
  if (error_) std::rethrow_exception(error_);
}

void WorkerPool::drop() noexcept {
  std::unique_lock lock(mutex_);
  dropped_.swap(waiting_);
  changed_.wait(lock, [this] { return busy_ == 0; });
  lock.unlock();
  dropped_.clear();  // which may give something back
}

void WorkerPool::run(unsigned number) {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return stopping_ || (!error_ && !waiting_.empty()); });
    if (stopping_) return;
    Work work = std::move(waiting_.front());
    waiting_.pop_front();
    ++busy_;
    lock.unlock();
    std::exception_ptr error;
    try {
      work(number);
    } catch (...) {
      error = std::current_exception();
    }
    work = nullptr;  // lets go of what it holds, without the mutex
    lock.lock();
    --busy_;
    if (error && !error_) {
      error_ = error;
      waiting_.clear();
    }
    changed_.notify_all();
  }
}

}  // namespace qcow2stream
