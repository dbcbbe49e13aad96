// SPDX-License-Identifier: GPL-2.0-or-later
//
// Requests in flight are threads that block: at 1 MiB each, what a thread costs does not show.

#include "floor/read.h"

#include <fcntl.h>
#include <unistd.h>

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

constexpr std::uint64_t kRequest = 1U << 20;

// O_DIRECT wants buffers, offsets and lengths in whole blocks; 4096 suits all block sizes.
constexpr std::uint64_t kBlock = 4096;

struct FreeAligned {
  void operator()(std::byte* bytes) const { std::free(bytes); }  // NOLINT: aligned_alloc
};
using Buffer = std::unique_ptr<std::byte, FreeAligned>;

Buffer aligned_buffer() {
  return Buffer(static_cast<std::byte*>(std::aligned_alloc(kBlock, kRequest)));
}

// Cuts the extents, rounded to whole blocks, into requests.
std::vector<Run> requests_for(const std::vector<Run>& extents) {
  std::vector<Run> rounded;
  for (const Run& extent : extents) {
    append(rounded, {extent.begin / kBlock * kBlock, (extent.end + kBlock - 1) / kBlock * kBlock});
  }
  std::vector<Run> requests;
  for (const Run& run : rounded) {
    for (std::uint64_t at = run.begin; at < run.end; at += kRequest) {
      requests.push_back({at, std::min(at + kRequest, run.end)});
    }
  }
  return requests;
}

// The end of the disk may cut a request short.
std::uint64_t read_request(int fd, Run request, std::byte* buffer) {
  const std::uint64_t length = request.end - request.begin;
  const ssize_t n = ::pread(fd, buffer, length, static_cast<off_t>(request.begin));
  if (n < 0) fail("pread");
  return static_cast<std::uint64_t>(n);
}

}  // namespace

std::uint64_t read_buffered(const char* path) {
  const int fd = open_disk(path);
  ::posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
  const Buffer buffer = aligned_buffer();
  std::uint64_t bytes = 0;
  for (const Run& request : requests_for(data_extents(fd))) {
    bytes += read_request(fd, request, buffer.get());
  }
  close_fd(fd);
  return bytes;
}

std::uint64_t read_direct(const char* path, unsigned depth) {
  const int fd = open_disk(path, O_DIRECT);
  const std::vector<Run> requests = requests_for(data_extents(fd));
  std::atomic<std::size_t> next = 0;
  std::atomic<std::uint64_t> bytes = 0;
  {
    std::vector<std::jthread> workers;
    for (unsigned i = 0; i < depth; ++i) {
      workers.emplace_back([&] {
        const Buffer buffer = aligned_buffer();
        for (std::size_t r = next++; r < requests.size(); r = next++) {
          bytes += read_request(fd, requests[r], buffer.get());
        }
      });
    }
  }
  close_fd(fd);
  return bytes;
}

}  // namespace bench
