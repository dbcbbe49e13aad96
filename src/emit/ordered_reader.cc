// SPDX-License-Identifier: GPL-2.0-or-later

#include "emit/ordered_reader.h"

#include <algorithm>
#include <cassert>
#include <chrono>
#include <utility>

#include "system/cores.h"

namespace qcow2stream {
namespace {

// More threads than this do not read faster on the machines that this was measured on.
constexpr unsigned kMaxThreads = 4;

unsigned thread_count(const Emitted& what, unsigned wanted) {
  if (what.compresses()) return wanted != 0 ? wanted : cores();
  return std::clamp(what.disk().traits().queues, 1U, kMaxThreads);
}

}  // namespace

OrderedReader::OrderedReader(const Emitted& what, HostRange range, unsigned threads)
    : what_(what),
      traits_(what.disk().traits()),
      thread_count_(thread_count(what, threads)),
      segments_(what.segments(range)),
      slots_(ReadWindow::kMost) {
  try {
    for (unsigned i = 0; i < thread_count_; ++i) threads_.emplace_back([this] { read_pieces(); });
  } catch (const std::exception&) {
    // The system has no more threads, or no memory for them: fewer do the same work.
    if (threads_.empty()) throw;
  }
}

OrderedReader::~OrderedReader() {
  const std::lock_guard lock(mutex_);
  stopping_ = true;
  changed_.notify_all();
}

std::span<const std::byte> OrderedReader::next() {
  std::unique_lock lock(mutex_);
  if (holding_) {
    holding_ = false;
    Slot& written = slot(turn_ - 1);
    written.ready = false;
    spare_buffers_.push_back(std::move(written.buffer));
    changed_.notify_all();  // a slot is free again
  }
  changed_.wait(
      lock, [this] { return error_ || (at_end_ && turn_ == next_ticket_) || slot(turn_).ready; });
  if (error_) std::rethrow_exception(error_);
  if (at_end_ && turn_ == next_ticket_) return {};
  holding_ = true;
  const Slot& ready = slot(turn_++);
  return std::span(ready.buffer).first(ready.length);
}

std::vector<std::byte> OrderedReader::exchange_buffer(std::vector<std::byte> other) {
  const std::lock_guard lock(mutex_);
  assert(holding_);
  std::swap(slot(turn_ - 1).buffer, other);
  return other;
}

// The next piece, if there is one and room for it. If the calling thread has nothing in flight, it
// waits for the room; if the result is nothing then, there is nothing more to do.
std::optional<OrderedReader::Piece> OrderedReader::take_piece(unsigned in_flight) {
  std::unique_lock lock(mutex_);
  const auto slot_free = [this] {
    return next_ticket_ - turn_ + (holding_ ? 1 : 0) < window_.size();
  };
  // Each thread has its share, since each connection does.
  const std::size_t share = std::max<std::size_t>(1, window_.size() / thread_count_);
  if (in_flight >= share) return std::nullopt;
  const auto can_go_on = [&] { return stopping_ || error_ || at_end_ || slot_free(); };
  if (in_flight == 0) changed_.wait(lock, can_go_on);
  if (stopping_ || error_ || at_end_ || !slot_free()) return std::nullopt;
  if (rest_.range.length == 0) {
    const auto segment = segments_->next();
    if (!segment) {
      at_end_ = true;
      changed_.notify_all();
      return std::nullopt;
    }
    rest_ = *segment;
  }
  Piece piece{.ticket = next_ticket_++, .segment = rest_};
  Slot& target = slot(piece.ticket);
  // A compressed cluster that is cut in two would be compressed twice.
  const bool whole = rest_.kind == Segment::Kind::kCompressed;
  piece.segment.range = rest_.range.take_front(whole ? rest_.range.length : traits_.request_size);
  const std::uint64_t n = piece.segment.range.length;
  rest_.disk_offset += n;
  target.buffer = take_buffer();
  if (target.buffer.size() < n) target.buffer.resize(n);
  target.length = n;
  return piece;
}

// The buffer that was in use last, as most of it may still be in a cache.
std::vector<std::byte> OrderedReader::take_buffer() {
  if (spare_buffers_.empty()) return std::vector<std::byte>(traits_.request_size);
  std::vector<std::byte> buffer = std::move(spare_buffers_.back());
  spare_buffers_.pop_back();
  return buffer;
}

void OrderedReader::finish(std::uint64_t ticket, bool from_disk) {
  const std::lock_guard lock(mutex_);
  slot(ticket).ready = true;
  const bool more = from_disk && window_.count(std::chrono::steady_clock::now());
  if (ticket == turn_ || more) changed_.notify_all();
}

void OrderedReader::read_pieces() {
  try {
    const unsigned depth = std::max(1U, traits_.requests_in_flight);
    const auto queue = what_.disk().queue();
    unsigned in_flight = 0;
    for (;;) {
      while (in_flight < depth) {
        const auto piece = take_piece(in_flight);
        if (!piece) break;
        const auto out = std::span(slot(piece->ticket).buffer).first(piece->segment.range.length);
        if (piece->segment.kind == Segment::Kind::kDisk) {
          queue->submit(piece->segment.disk_offset, out, piece->ticket);
          ++in_flight;
        } else {
          if (piece->segment.kind == Segment::Kind::kZeros) {
            std::ranges::fill(out, std::byte{0});
          } else {
            what_.read(piece->segment.range.begin, out);
          }
          finish(piece->ticket, false);
        }
      }
      if (in_flight == 0) return;
      finish(queue->wait(), true);
      --in_flight;
    }
  } catch (...) {
    const std::lock_guard lock(mutex_);
    if (!error_) error_ = std::current_exception();
    changed_.notify_all();
  }
}

}  // namespace qcow2stream
