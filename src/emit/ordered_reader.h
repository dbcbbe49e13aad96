// SPDX-License-Identifier: GPL-2.0-or-later
//
// Reads a range of an image, or of a disk, ahead of its writer, many requests at once, and hands it
// out in order.

#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <thread>
#include <vector>

#include "emit/emitted.h"
#include "emit/read_window.h"
#include "qcow2stream/disk.h"

namespace qcow2stream {

// Is used for disks that the kernel cannot copy from, and for compressed clusters. A few threads,
// each with a request queue of its own, fill the slots of a ring; next() waits for the slot whose
// turn it is. It takes as many buffers as the window lets be in use at once.
class OrderedReader {
 public:
  // `what` must outlive it. `threads` is how many threads compress, where 0 means one a core. To
  // read a disk there may be fewer.
  OrderedReader(const Emitted& what, HostRange range, unsigned threads);
  ~OrderedReader();
  OrderedReader(const OrderedReader&) = delete;
  OrderedReader& operator=(const OrderedReader&) = delete;

  // The next piece of the range, which is valid until the next call. Empty at the end. Throws what
  // reading the piece threw.
  std::span<const std::byte> next();

  // Gives away the buffer that begins with the piece of the last next(), which must not have been
  // the end, and goes on with another buffer of any size.
  std::vector<std::byte> exchange_buffer(std::vector<std::byte> other);

 private:
  struct Slot {
    std::vector<std::byte> buffer;
    std::size_t length = 0;
    bool ready = false;
  };
  struct Piece {
    std::uint64_t ticket = 0;  // the piece's place in the order
    Segment segment;
  };

  void read_pieces();
  std::optional<Piece> take_piece(unsigned in_flight);
  std::vector<std::byte> take_buffer();
  void finish(std::uint64_t ticket, bool from_disk);
  [[nodiscard]] Slot& slot(std::uint64_t ticket) { return slots_[ticket % slots_.size()]; }

  const Emitted& what_;
  DiskTraits traits_;
  unsigned thread_count_;
  std::mutex mutex_;
  std::condition_variable changed_;
  const std::unique_ptr<SegmentCursor> segments_;
  Segment rest_;  // what is left of the segment that is being handed out
  ReadWindow window_;
  std::vector<Slot> slots_;  // have buffers while they are in use
  std::vector<std::vector<std::byte>> spare_buffers_;
  std::uint64_t next_ticket_ = 0;  // the next piece to be read
  std::uint64_t turn_ = 0;         // the next piece to be handed out by next()
  bool holding_ = false;           // next() has handed out the slot before turn_
  bool at_end_ = false;            // all pieces have tickets
  bool stopping_ = false;
  std::exception_ptr error_;
  std::vector<std::jthread> threads_;  // last: joined before the rest goes
};

}  // namespace qcow2stream
