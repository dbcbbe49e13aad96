// SPDX-License-Identifier: GPL-2.0-or-later
//
// Reads through io_uring. What the page cache holds is copied while it is submitted; what it does
// not hold is in flight without a thread waiting for it.

#include <liburing.h>
#include <unistd.h>

#include <cassert>
#include <cerrno>
#include <vector>

#include "disk/file/queues.h"
#include "disk/source_errors.h"
#include "system/tell.h"
#include "system/valgrind.h"

namespace qcow2stream {
namespace {

class UringQueue final : public RequestQueue {
 public:
  UringQueue(const ReadTarget& target, unsigned depth) : target_(target), requests_(depth) {
    for (std::size_t i = depth; i > 0; --i) free_.push_back(i - 1);
    init_error_ = ::io_uring_queue_init(depth, &ring_, 0);
  }

  ~UringQueue() override {
    if (!usable()) return;
    // The kernel may still write into buffers of the caller: wait for it, whatever comes of it.
    while (free_.size() < requests_.size()) {
      io_uring_cqe* cqe = nullptr;
      const int n = ::io_uring_submit_and_wait(&ring_, 1);
      if (n < 0 && n != -EINTR && n != -EAGAIN && n != -EBUSY) break;
      while (::io_uring_peek_cqe(&ring_, &cqe) == 0) {
        free_.push_back(::io_uring_cqe_get_data64(cqe));
        ::io_uring_cqe_seen(&ring_, cqe);
      }
    }
    ::io_uring_queue_exit(&ring_);
  }
  UringQueue(const UringQueue&) = delete;
  UringQueue& operator=(const UringQueue&) = delete;

  [[nodiscard]] bool usable() const { return init_error_ == 0; }
  // A negative error number, as the kernel returns it.
  [[nodiscard]] int init_error() const { return init_error_; }

  void submit(GuestOffset offset, std::span<std::byte> buffer, std::uint64_t tag) override {
    assert(!buffer.empty() && !free_.empty());
    assert(offset.value() <= target_.size && buffer.size() <= target_.size - offset.value());
    const std::size_t index = free_.back();
    free_.pop_back();
    requests_[index] = {offset, buffer, tag};
    prepare(index);
  }

  std::uint64_t wait() override {
    assert(free_.size() < requests_.size());
    for (;;) {
      io_uring_cqe* cqe = nullptr;
      if (::io_uring_peek_cqe(&ring_, &cqe) != 0) {
        const int n = ::io_uring_submit_and_wait(&ring_, 1);
        if (n < 0 && n != -EINTR && n != -EAGAIN && n != -EBUSY) {
          throw_read_error(target_.name, GuestOffset(0), -n);
        }
        continue;
      }
      const std::size_t index = ::io_uring_cqe_get_data64(cqe);
      const int result = cqe->res;
      ::io_uring_cqe_seen(&ring_, cqe);
      if (complete(index, result)) {
        free_.push_back(index);
        return requests_[index].tag;
      }
    }
  }

 private:
  struct Request {
    GuestOffset offset;
    std::span<std::byte> buffer;  // what is still to be read
    std::uint64_t tag = 0;
  };

  void prepare(std::size_t index) {
    const Request& request = requests_[index];
    // Never full: the ring has as many entries as there are requests.
    io_uring_sqe* sqe = ::io_uring_get_sqe(&ring_);
    ::io_uring_prep_read(sqe, target_.fd, request.buffer.data(),
                         static_cast<unsigned>(request.buffer.size()), request.offset.value());
    ::io_uring_sqe_set_data64(sqe, index);
  }

  // What a completed request would return: how many bytes were read, or a negative error number.
  [[nodiscard]] int read_once(const Request& request) const {
    const ssize_t n = ::pread(target_.fd, request.buffer.data(), request.buffer.size(),
                              static_cast<off_t>(request.offset.value()));
    return n < 0 ? -errno : static_cast<int>(n);
  }

  // False if the request has to go on.
  bool complete(std::size_t index, int result) {
    Request& request = requests_[index];
    if (result == -EINTR) {
      prepare(index);
      return false;
    }
    // Either the kernel would have had to wait, or that is the file system's answer. A read that
    // may wait shows which.
    if (result == -EAGAIN) result = read_once(request);
    if (result <= 0) {
      free_.push_back(index);
      if (result < 0) throw_read_error(target_.name, request.offset, -result);
      throw_disk_ended(target_.name, request.offset, target_.size);
    }
    const auto n = static_cast<std::size_t>(result);
    if (n == request.buffer.size()) return true;
    request.offset += n;
    request.buffer = request.buffer.subspan(n);
    prepare(index);
    return false;
  }

  ReadTarget target_;
  std::vector<Request> requests_;
  std::vector<std::size_t> free_;
  io_uring ring_{};
  int init_error_ = 0;
};

}  // namespace

std::unique_ptr<RequestQueue> make_uring_queue(const ReadTarget& target, unsigned depth) {
  if (is_under_valgrind()) {
    tell(target.name, "io_uring", "valgrind does not see what it reads", "threads read instead");
    return nullptr;
  }
  auto queue = std::make_unique<UringQueue>(target, depth);
  if (!queue->usable()) {
    tell(target.name, "io_uring", -queue->init_error(), "threads read instead");
    return nullptr;
  }
  return queue;
}

}  // namespace qcow2stream
