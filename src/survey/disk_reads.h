// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "qcow2stream/disk.h"
#include "survey/left_out_clusters.h"

namespace qcow2stream {

// The reads of a disk that one worker has in flight, each into a slot of its own, and which of them
// have been answered. Belongs to one thread.
class DiskReads {
 public:
  // What `left_out`, which may be null, says of the disk is not read where it can be avoided, and
  // is zeros.
  DiskReads(const Disk& disk, std::size_t slots, std::size_t buffer_size,
            const ClusterMap* left_out = nullptr)
      : size_(disk.size()),
        left_out_(left_out),
        buffers_(slots, std::vector<std::byte>(buffer_size)),
        begins_(slots),
        done_(slots),
        queue_(disk.queue()) {}

  // Starts a read into a slot. What lies behind the end of the disk becomes zeros.
  void start(std::size_t slot, GuestOffset begin, std::uint64_t length) {
    const std::uint64_t there = size_ - std::min(size_, begin.value());
    std::uint64_t n = std::min(length, there);
    if (n > 0 && is_left_out(left_out_, {begin, n})) n = 0;
    const std::span buffer(buffers_[slot]);
    std::ranges::fill(buffer.subspan(n, length - n), std::byte{0});
    begins_[slot] = begin;
    done_[slot] = n == 0;
    if (n > 0) queue_->submit(begin, buffer.first(n), slot);
  }

  // Waits for the read of the slot and returns what it has read.
  std::span<const std::byte> get(std::size_t slot) {
    while (!done_[slot]) {
      const std::uint64_t came = queue_->wait();
      blank(left_out_, begins_[came], buffers_[came]);
      done_[came] = true;
    }
    return buffers_[slot];
  }

 private:
  std::uint64_t size_;
  const ClusterMap* left_out_;
  std::vector<std::vector<std::byte>> buffers_;
  std::vector<GuestOffset> begins_;
  std::vector<bool> done_;
  // Last, so that it goes first: nothing may be in flight when the buffers go.
  std::unique_ptr<RequestQueue> queue_;
};

}  // namespace qcow2stream
