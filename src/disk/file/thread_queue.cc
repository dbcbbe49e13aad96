// SPDX-License-Identifier: GPL-2.0-or-later
//
// Reads in threads, for machines that do not allow io_uring. A read is first tried with RWF_NOWAIT,
// so that what the page cache holds costs one system call and no thread. No thread is started
// before a read has to wait.

#include <fcntl.h>
#include <sys/uio.h>

#include <cassert>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include "disk/file/queues.h"
#include "disk/source_errors.h"
#include "system/io.h"

namespace qcow2stream {
namespace {

class ThreadQueue final : public RequestQueue {
 public:
  ThreadQueue(const ReadTarget& target, unsigned threads)
      : target_(target), max_threads_(threads) {}

  ~ThreadQueue() override {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
      waiting_.clear();
    }
    work_.notify_all();
    // The threads' destructors wait until what is being read has been read.
  }

  void submit(GuestOffset offset, std::span<std::byte> buffer, std::uint64_t tag) override {
    assert(!buffer.empty());
    assert(offset.value() <= target_.size && buffer.size() <= target_.size - offset.value());
    const iovec piece{.iov_base = buffer.data(), .iov_len = buffer.size()};
    const ssize_t n =
        ::preadv2(target_.fd, &piece, 1, static_cast<off_t>(offset.value()), RWF_NOWAIT);
    if (n == static_cast<ssize_t>(buffer.size())) {
      done_here_.push_back(tag);
      return;
    }
    const std::size_t have = n > 0 ? static_cast<std::size_t>(n) : 0;
    {
      const std::lock_guard lock(mutex_);
      waiting_.push_back({offset + have, buffer.subspan(have), tag, 0, false});
      if (threads_.size() < max_threads_ && waiting_.size() > idle_) {
        threads_.emplace_back([this] { serve(); });
      }
    }
    work_.notify_one();
  }

  std::uint64_t wait() override {
    if (!done_here_.empty()) {
      const std::uint64_t tag = done_here_.front();
      done_here_.pop_front();
      return tag;
    }
    std::unique_lock lock(mutex_);
    finished_.wait(lock, [this] { return !done_.empty(); });
    const Request request = done_.front();
    done_.pop_front();
    lock.unlock();
    if (request.error != 0) throw_read_error(target_.name, request.offset, request.error);
    if (request.ended) throw_disk_ended(target_.name, request.offset, target_.size);
    return request.tag;
  }

 private:
  struct Request {
    GuestOffset offset;
    std::span<std::byte> buffer;
    std::uint64_t tag = 0;
    int error = 0;
    bool ended = false;
  };

  void serve() {
    std::unique_lock lock(mutex_);
    for (;;) {
      ++idle_;
      work_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
      --idle_;
      if (stopping_) return;
      Request request = waiting_.front();
      waiting_.pop_front();
      lock.unlock();
      read(request);
      lock.lock();
      done_.push_back(request);
      finished_.notify_one();
    }
  }

  void read(Request& request) const {
    const Moved moved = read_full_at(target_.fd, request.offset.value(), request.buffer);
    request.error = moved.error;
    request.ended = moved.error == 0 && moved.bytes < request.buffer.size();
    request.offset += moved.bytes;
  }

  ReadTarget target_;
  std::size_t max_threads_;
  std::deque<std::uint64_t> done_here_;  // tags of reads that did not have to wait

  std::mutex mutex_;
  std::condition_variable work_;
  std::condition_variable finished_;
  std::deque<Request> waiting_;
  std::deque<Request> done_;
  std::size_t idle_ = 0;
  bool stopping_ = false;
  std::vector<std::jthread> threads_;  // last: joined before the rest goes
};

}  // namespace

std::unique_ptr<RequestQueue> make_thread_queue(const ReadTarget& target, unsigned depth) {
  return std::make_unique<ThreadQueue>(target, depth);
}

}  // namespace qcow2stream
