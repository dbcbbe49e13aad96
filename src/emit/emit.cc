// SPDX-License-Identifier: GPL-2.0-or-later
//
// A range of the image goes out in three steps:
//
//   body   by whatever is fastest; on a pipe that means references to the disk's pages (splice). A
//          page that is overwritten afterwards reaches the reader changed, so "the disk has not
//          changed" means nothing for a page that the reader has not taken yet.
//   tail   by copy, as much as the pipe can hold: when it is written, the reader has taken every
//   page
//          that went out by reference.
//   last   read into memory, then the disk is checked for changes, then it is written. If anything
//          went wrong until here, the output is shorter than announced and anybody can see it.

#include "qcow2stream/emit.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "emit/ordered_reader.h"
#include "emit/output.h"
#include "emit/sigpipe.h"

namespace qcow2stream {
namespace {

// What is read and written at once. 256 KiB fit into a core's second level cache.
constexpr std::uint64_t kBufferSize = 256 << 10;

// How far the disk is told ahead, and in which steps. Reading 4.5 GiB of a cold file into a pipe
// took 8.5-10.6 s with the kernel's own readahead, 3.4-3.8 s with this and 3.9-4.0 s with 16 MiB.
constexpr std::uint64_t kReadAhead = 32 << 20;
constexpr std::uint64_t kReadAheadStep = 1 << 20;

// The piece that is held back until everything else is known to be good.
constexpr std::uint64_t kLastPiece = 64 << 10;

// Tells the disk what will be read next, so that it has several large requests to work on while the
// output takes what came before.
class ReadAhead {
 public:
  ReadAhead(const Image& image, HostRange range)
      : disk_(image.disk()), segments_(image.segments(range)), position_(range.begin) {}

  // The output has got to `written`.
  void advance(HostOffset written) {
    while (position_ < written + kReadAhead) {
      if (rest_.range.length == 0) {
        const auto next = segments_.next();
        if (!next) return;
        rest_ = *next;
      }
      const std::uint64_t n = std::min(rest_.range.length, kReadAheadStep);
      if (rest_.kind == Segment::Kind::kDisk) disk_.will_read({rest_.disk_offset, n});
      rest_.disk_offset += n;
      rest_.range = {rest_.range.begin + n, rest_.range.length - n};
      position_ = rest_.range.begin;
    }
  }

 private:
  const Disk& disk_;
  Image::Segments segments_;
  Segment rest_;
  HostOffset position_;  // all before it has been announced
};

class Emitter {
 public:
  Emitter(const Image& image, Output& output, const EmitOptions& options)
      : image_(image),
        output_(output),
        progress_(options.progress),
        on_change_(options.on_change),
        threads_(options.threads),
        copy_descriptor_(image.disk().traits().copy_descriptor),
        buffer_(kBufferSize) {}

  EmitResult run(HostRange range) {
    const std::uint64_t last = std::min(range.length, kLastPiece);
    const std::uint64_t tail = std::min(range.length - last, output_.queue_size());
    const HostRange body{range.begin, range.length - tail - last};
    if (copy_descriptor_ >= 0) {
      read_ahead_.emplace(image_, range);
      write_range(body, true);
      write_range({body.end(), tail}, false);
    } else {
      write_ahead_of_output({range.begin, range.length - last});
    }
    write_last({body.end() + tail, last}, tail);
    return {.transferred = transferred_,
            .method = copy_descriptor_ >= 0 ? output_.method_name() : "read and write"};
  }

 private:
  void write_range(HostRange range, bool may_transfer) {
    Image::Segments segments = image_.segments(range);
    while (const auto segment = segments.next()) {
      if (segment->kind == Segment::Kind::kCompressed) {
        // The last region: there is nothing else behind it.
        write_ahead_of_output({segment->range.begin, range.end() - segment->range.begin});
        return;
      }
      read_ahead_->advance(segment->range.begin);
      Segment rest = *segment;
      if (may_transfer && segment->kind == Segment::Kind::kDisk) transfer(rest);
      write_segment(rest.range);
    }
  }

  // All of it through memory, with many reads in flight while the output takes what came before.
  void write_ahead_of_output(HostRange range) {
    OrderedReader reader(image_, range, threads_);
    for (auto piece = reader.next(); !piece.empty(); piece = reader.next()) {
      write(piece);
    }
  }

  // Counts what goes out as it does: where it ends is what a failed run has to say.
  void write(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
      const std::size_t n = output_.write(bytes);
      count(n);
      bytes = bytes.subspan(n);
    }
  }

  // As much of the segment as the kernel moves by itself.
  void transfer(Segment& segment) {
    while (segment.range.length > 0) {
      const std::uint64_t n =
          output_.transfer(copy_descriptor_, segment.disk_offset, segment.range.length);
      if (n == 0) return;
      read_ahead_->advance(segment.range.begin + n);
      segment.disk_offset += n;
      segment.range = {segment.range.begin + n, segment.range.length - n};
      transferred_ += n;
      count(n);
    }
  }

  void write_segment(HostRange range) {
    while (range.length > 0) {
      const auto piece = std::span(buffer_).first(std::min(range.length, kBufferSize));
      image_.read(range.begin, piece);
      write(piece);
      range = {range.begin + piece.size(), range.length - piece.size()};
      read_ahead_->advance(range.begin);
    }
  }

  void write_last(HostRange range, std::uint64_t copied) {
    const auto piece = std::span(buffer_).first(range.length);
    image_.read(range.begin, piece);
    output_.wait_until_taken(copied);
    check_unchanged(image_.disk(), on_change_);
    write(piece);
  }

  void count(std::uint64_t bytes) {
    if (progress_ != nullptr) progress_->emit_done += bytes;
  }

  const Image& image_;
  Output& output_;
  Progress* progress_;
  const OnChange& on_change_;
  unsigned threads_;
  int copy_descriptor_;
  std::uint64_t transferred_ = 0;
  std::optional<ReadAhead> read_ahead_;
  std::vector<std::byte> buffer_;
};

}  // namespace

void check_output(int fd, std::uint64_t length, const EmitOptions& options) {
  Output(fd, options.output_name).check_room(length);
}

EmitResult emit(const Image& image, HostRange range, int fd, const EmitOptions& options) {
  const SigpipeGuard guard;
  Output output(fd, options.output_name);
  output.check_room(range.length);
  if (options.progress != nullptr) options.progress->emit_total = range.length;
  return Emitter(image, output, options).run(range);
}

}  // namespace qcow2stream
