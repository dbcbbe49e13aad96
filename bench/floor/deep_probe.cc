// SPDX-License-Identifier: GPL-2.0-or-later

#include "floor/deep_probe.h"

#include <fcntl.h>
#include <liburing.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <memory>
#include <thread>
#include <vector>

#include "floor/support.h"

namespace bench {
namespace {

constexpr std::size_t kPage = 4096;

// Threads take so many clusters at once.
constexpr std::size_t kBatch = 128;

std::vector<std::uint64_t> probe_offsets(int fd) {
  std::vector<std::uint64_t> offsets;
  for (const Run& run : data_extents(fd)) {
    for (std::uint64_t at = run.begin; at < run.end; at = (at / kCluster + 1) * kCluster) {
      offsets.push_back(at);
    }
  }
  return offsets;
}

struct Free {
  void operator()(std::byte* p) const { std::free(p); }  // NOLINT: aligned_alloc()'s counterpart
};

class Prober {
 public:
  Prober(int fd, unsigned depth, const std::vector<std::uint64_t>& offsets,
         std::atomic<std::size_t>& next)
      : fd_(fd), offsets_(offsets), next_(next), free_(depth) {
    if (::io_uring_queue_init(depth, &ring_, 0) != 0) fail_because("io_uring", "is not allowed");
    buffers_.reset(static_cast<std::byte*>(std::aligned_alloc(kPage, kPage * depth)));
    for (unsigned i = 0; i < depth; ++i) free_[i] = i;
  }
  ~Prober() { ::io_uring_queue_exit(&ring_); }
  Prober(const Prober&) = delete;
  Prober& operator=(const Prober&) = delete;

  void run() {
    const std::size_t depth = free_.size();
    for (;;) {
      while (!free_.empty() && submit()) {
      }
      if (free_.size() == depth) return;
      if (::io_uring_submit_and_wait(&ring_, 1) < 0) fail_because("io_uring", "does not submit");
      io_uring_cqe* cqe = nullptr;
      while (::io_uring_peek_cqe(&ring_, &cqe) == 0) {
        if (cqe->res <= 0) fail_because("read", "failed");
        free_.push_back(static_cast<unsigned>(::io_uring_cqe_get_data64(cqe)));
        ::io_uring_cqe_seen(&ring_, cqe);
      }
    }
  }

 private:
  bool submit() {
    if (at_ == end_) {
      at_ = std::min(next_.fetch_add(kBatch), offsets_.size());
      end_ = std::min(at_ + kBatch, offsets_.size());
      if (at_ == end_) return false;
    }
    const unsigned slot = free_.back();
    free_.pop_back();
    io_uring_sqe* sqe = ::io_uring_get_sqe(&ring_);
    ::io_uring_prep_read(sqe, fd_, buffers_.get() + kPage * slot, kPage, offsets_[at_++]);
    ::io_uring_sqe_set_data64(sqe, slot);
    return true;
  }

  int fd_;
  const std::vector<std::uint64_t>& offsets_;
  std::atomic<std::size_t>& next_;
  std::vector<unsigned> free_;
  std::unique_ptr<std::byte, Free> buffers_;
  std::size_t at_ = 0;
  std::size_t end_ = 0;
  io_uring ring_{};
};

}  // namespace

double deep_probe(const char* path, std::string_view how, unsigned depth, unsigned threads) {
  const Stopwatch stopwatch;
  const int fd = open_disk(path, how == "direct" ? O_DIRECT : 0);
  if (how == "random") ::posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM);
  const std::vector<std::uint64_t> offsets = probe_offsets(fd);
  std::atomic<std::size_t> next = 0;
  {
    std::vector<std::jthread> workers;
    for (unsigned i = 0; i < threads; ++i) {
      workers.emplace_back([&] { Prober(fd, depth, offsets, next).run(); });
    }
  }
  close_fd(fd);
  return stopwatch.seconds();
}

}  // namespace bench
