// SPDX-License-Identifier: GPL-2.0-or-later

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <thread>

#include "floor/move.h"
#include "floor/nbd.h"

namespace bench {
namespace {

constexpr std::uint64_t kPiece = 256U << 10;

// Reads every `step`th piece from `first` on into a ring of its own, which the writer empties.
class Reader {
 public:
  Reader(nbd_handle* handle, const std::vector<Run>& pieces, std::size_t first, std::size_t step,
         unsigned depth)
      : handle_(handle), pieces_(pieces), first_(first), step_(step), ring_(depth) {
    for (Slot& slot : ring_) slot.buffer = std::make_unique<std::byte[]>(kPiece);
  }

  // In a thread of its own.
  void run() {
    for (std::size_t begun = 0; piece_at(begun) < pieces_.size();) {
      const std::size_t taken = taken_.load(std::memory_order_acquire);
      if (begun - taken < ring_.size()) {
        begin(begun++);
      } else if (::nbd_aio_in_flight(handle_) > 0) {
        poll_nbd(handle_);
      } else {
        taken_.wait(taken);
      }
    }
    while (::nbd_aio_in_flight(handle_) > 0) poll_nbd(handle_);
  }

  // Both by the writer: the next piece of this reader, and that it has been written.
  std::span<const std::byte> next() {
    const std::size_t n = taken_.load(std::memory_order_relaxed);
    Slot& slot = ring_[n % ring_.size()];
    slot.ready.wait(false, std::memory_order_acquire);
    const Run& piece = pieces_[piece_at(n)];
    return {slot.buffer.get(), piece.end - piece.begin};
  }
  void taken() {
    const std::size_t n = taken_.load(std::memory_order_relaxed);
    ring_[n % ring_.size()].ready.store(false, std::memory_order_relaxed);
    taken_.store(n + 1, std::memory_order_release);
    taken_.notify_one();
  }

 private:
  struct Slot {
    std::unique_ptr<std::byte[]> buffer;
    std::atomic<bool> ready = false;
  };

  [[nodiscard]] std::size_t piece_at(std::size_t n) const { return first_ + n * step_; }

  // NOLINTNEXTLINE(readability-non-const-parameter): libnbd's signature
  static int answered(void* user_data, int* error) {
    if (*error != 0) fail_because("read", std::strerror(*error));
    auto* slot = static_cast<Slot*>(user_data);
    slot->ready.store(true, std::memory_order_release);
    slot->ready.notify_one();
    return 1;  // libnbd may forget the command
  }

  void begin(std::size_t n) {
    Slot& slot = ring_[n % ring_.size()];
    const Run& piece = pieces_[piece_at(n)];
    const nbd_completion_callback done{
        .callback = &Reader::answered, .user_data = &slot, .free = nullptr};
    if (::nbd_aio_pread(handle_, slot.buffer.get(), piece.end - piece.begin, piece.begin, done, 0) <
        0) {
      fail_nbd("read");
    }
  }

  nbd_handle* handle_;
  const std::vector<Run>& pieces_;
  std::size_t first_;
  std::size_t step_;
  std::vector<Slot> ring_;
  std::atomic<std::size_t> taken_ = 0;
};

std::vector<Run> pieces_of(const std::vector<Run>& runs) {
  std::vector<Run> pieces;
  for (const Run& run : runs) {
    for (std::uint64_t at = run.begin; at < run.end; at += kPiece) {
      pieces.push_back({at, std::min(at + kPiece, run.end)});
    }
  }
  return pieces;
}

void write_fully(int out, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(out, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail("write");
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
}

}  // namespace

void nbd_copy(const NbdExport& disk, const std::vector<Run>& runs, unsigned depth, int out) {
  enlarge_pipe(out);
  const std::vector<Run> pieces = pieces_of(runs);
  std::vector<std::unique_ptr<Reader>> readers;
  for (nbd_handle* handle : disk.handles()) {
    readers.push_back(
        std::make_unique<Reader>(handle, pieces, readers.size(), disk.handles().size(), depth));
  }
  std::vector<std::jthread> threads;
  for (const auto& reader : readers) threads.emplace_back([&reader] { reader->run(); });
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    Reader& reader = *readers[i % readers.size()];
    write_fully(out, reader.next());
    reader.taken();
  }
}

}  // namespace bench
