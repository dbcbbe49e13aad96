// SPDX-License-Identifier: GPL-2.0-or-later
//
// Threads that do pieces of work which one thread hands out.

#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace qcow2stream {

// The first error wins: what was not begun then is dropped, and each later call throws it.
// Belongs to one thread.
class WorkerPool {
 public:
  // What is done gets the number of the thread that does it, from 0 on.
  using Work = std::function<void(unsigned)>;

  // At least one thread; 0 means one a core.
  explicit WorkerPool(unsigned threads);
  // Waits for what is being done; the rest is dropped.
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  [[nodiscard]] unsigned threads() const { return threads_; }

  // Waits while more is handed out than the threads can soon begin with. Throws what work threw.
  void submit(Work work);
  // Waits until all is done. Throws what work threw.
  void wait();
  // Drops what was not begun, and waits for what is being done.
  void drop() noexcept;

 private:
  void run(unsigned number);

  unsigned threads_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Work> waiting_;
  std::deque<Work> dropped_;  // empty, but within drop(), which cannot make one: that takes memory
  std::size_t busy_ = 0;
  bool stopping_ = false;
  std::exception_ptr error_;
  std::vector<std::jthread> workers_;  // last: joined before the rest goes
};

}  // namespace qcow2stream
