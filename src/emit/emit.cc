// SPDX-License-Identifier: GPL-2.0-or-later
//
// A range of the image goes out in three steps:
//
// The body goes by whatever is fastest. On a pipe that means references to the disk's pages
// (splice). A page that is overwritten afterwards reaches the reader changed, so "the disk has not
// changed" means nothing for a page that the reader has not taken yet.
//
// The tail goes by copy. It is as much as the pipe can hold, and some more pipes behind it into
// which a reader may splice. When it has been written, the last reader has taken every page that
// went out by reference.
//
// The last piece is read into memory, then the disk is checked for changes, then it is written. If
// anything went wrong until here, the output is shorter than announced and anybody can see it. So a
// flush that is asked for comes before the last piece, and another one after it.
//
// A digest is taken of the buffer that is written, never of a page that goes by reference and may
// change on its way. So with digests, of the image or of the content, everything goes by copy.

#include "qcow2stream/emit.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "digest/hasher.h"
#include "emit/emitted.h"
#include "emit/limited_sink.h"
#include "emit/ordered_reader.h"
#include "emit/read_ahead.h"
#include "emit/sent_digests.h"
#include "system/sigpipe.h"

namespace qcow2stream {
namespace {

// How much is read and written at once. 256 KiB fit into a core's second level cache.
constexpr std::uint64_t kBufferSize = 256 << 10;

// Where only some of a disk has a place from which the kernel can copy it (images with compressed
// clusters), it is looked at in stretches of this size. Those of which more than one part in
// kDecodedShare has none are read by several threads, which costs the rest a copy.
constexpr std::uint64_t kStretch = 8 << 20;
constexpr std::uint64_t kDecodedShare = 16;
constexpr std::uint64_t kLongestStretch = 256 << 20;

// The piece that is held back until everything else is known to be good. It has at least a cluster:
// of the last one, only what is padding may not be missed by whoever restores the image.
constexpr std::uint64_t kLastPiece = 64 << 10;

class Emitter {
  using Places = DiskTraits::Places;

 public:
  Emitter(const Emitted& what, Sink& sink, const EmitOptions& options)
      : what_(what),
        sink_(sink),
        progress_(options.progress),
        on_change_(options.on_change),
        threads_(options.threads),
        flush_(options.flush),
        places_(what.disk().traits().places),
        before_last_(options.before_last),
        digests_(what, options) {}

  EmitResult run(HostRange range) {
    const std::uint64_t held_back = std::max(kLastPiece, what_.unit());
    const std::uint64_t last = std::min(range.length, held_back);
    const std::uint64_t tail = std::min(range.length - last, sink_.queue_size());
    const HostRange body{range.begin, range.length - tail - last};
    if (places_ != Places::kNone) {
      read_ahead_.emplace(what_, range);
      write_range(body, !digests_.any());
      write_range({body.end(), tail}, false);
    } else {
      write_ahead_of_output({range.begin, range.length - last});
    }
    EmitResult result;
    result.digests = write_last({body.end() + tail, last}, tail);
    result.transferred = transferred_;
    result.method = places_ != Places::kNone && !digests_.any() ? sink_.method() : "read and write";
    return result;
  }

 private:
  void write_range(HostRange range, bool may_transfer) {
    if (places_ == Places::kAll) return write_stretch(range, may_transfer);
    while (range.length > 0) {
      const bool lies_somewhere = mostly_has_places(range.first(kStretch));
      std::uint64_t length = std::min(range.length, kStretch);
      // Threads are started for more than one stretch at once, but nobody waits for a look at all.
      while (!lies_somewhere && length < std::min(range.length, kLongestStretch) &&
             !mostly_has_places(range.without_first(length).first(kStretch))) {
        length = std::min(range.length, length + kStretch);
      }
      const HostRange stretch = range.take_front(length);
      if (lies_somewhere) {
        write_stretch(stretch, may_transfer);
      } else {
        write_ahead_of_output(stretch);
      }
    }
  }

  // Whether there is little in the range that has to be decoded, which takes several threads.
  [[nodiscard]] bool mostly_has_places(HostRange range) const {
    std::uint64_t without = 0;
    const auto segments = what_.segments(range);
    while (auto segment = segments->next()) {
      if (segment->kind != Segment::Kind::kDisk) continue;
      while (segment->range.length > 0) {
        const Run run = what_.disk().run_at({segment->disk_offset, segment->range.length});
        if (run.is_data() && !run.where) without += run.range.length;
        segment->disk_offset += run.range.length;
        segment->range = segment->range.without_first(run.range.length);
      }
    }
    return without <= range.length / kDecodedShare;
  }

  void write_stretch(HostRange range, bool may_transfer) {
    const auto segments = what_.segments(range);
    while (const auto segment = segments->next()) {
      if (segment->kind == Segment::Kind::kCompressed) {
        // This is the last region, so all that follows is compressed, too.
        HostRange rest{segment->range.begin, range.end() - segment->range.begin};
        if (may_transfer && what_.keeps_compressed()) transfer_stored(rest);
        if (rest.length > 0) write_ahead_of_output(rest);
        return;
      }
      read_ahead_->advance(segment->range.begin);
      if (may_transfer && segment->kind == Segment::Kind::kDisk) {
        transfer_segment(*segment);
      } else {
        write_segment(segment->range);
      }
    }
  }

  // Writes all of it by way of memory, with many reads in flight while the output takes what came
  // before.
  void write_ahead_of_output(HostRange range) {
    OrderedReader reader(what_, range, threads_);
    HostOffset at = range.begin;
    for (auto piece = reader.next(); !piece.empty(); piece = reader.next()) {
      if (read_ahead_) read_ahead_->advance(at);
      write(piece);
      const HostRange written{at, piece.size()};
      at += piece.size();
      if (digests_.any()) digests_.put(reader.exchange_buffer(digests_.take()), written);
    }
  }

  // Counts each part as it goes out, so that a failed run can say how far it came.
  void write(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
      const std::size_t n = sink_.write(bytes);
      count(n);
      bytes = bytes.subspan(n);
    }
  }

  // Has the kernel copy each run of the disk from the place where it lies. What has no place, or
  // what the kernel refuses to copy, is read and written.
  void transfer_segment(Segment rest) {
    while (rest.range.length > 0) {
      const Run run = what_.disk().run_at({rest.disk_offset, rest.range.length});
      HostRange range = rest.range.take_front(run.range.length);
      rest.disk_offset += range.length;
      if (run.where) transfer(range, *run.where);
      write_segment(range);
    }
  }

  // Has the kernel copy what lies somewhere as it goes out, until it refuses. The rest stays in
  // `range`.
  void transfer_stored(HostRange& range) {
    while (range.length > 0) {
      const StoredPart part = what_.stored_at(range);
      HostRange taken = range.first(part.length);
      if (part.where) {
        transfer(taken, *part.where);
        range = range.without_first(part.length - taken.length);
        if (taken.length > 0) return;
      } else {
        write_segment(taken);
        range = range.without_first(part.length);
      }
    }
  }

  // Has the kernel move as much of the range as it will. The rest stays in `range`.
  void transfer(HostRange& range, Place place) {
    while (range.length > 0) {
      const std::uint64_t n = sink_.transfer(place, range.length);
      if (n == 0) return;
      place.offset += n;
      range = range.without_first(n);
      read_ahead_->advance(range.begin);
      transferred_ += n;
      count(n);
    }
  }

  void write_segment(HostRange range) {
    while (range.length > 0) {
      const HostRange taken = range.take_front(kBufferSize);
      write(read_piece(taken));
      if (digests_.any()) digests_.put(std::exchange(buffer_, {}), taken);
      read_ahead_->advance(range.begin);
    }
  }

  // The digests are complete before the last piece goes out: they may fail, too.
  std::vector<Digest> write_last(HostRange range, std::uint64_t copied) {
    const std::uint64_t trailer = trailer_in(range);
    const HostRange content = range.first(range.length - trailer);
    const auto read = read_piece(content);
    std::vector<std::byte> piece(read.begin(), read.end());
    digests_.end_content(std::exchange(buffer_, {}), content);
    piece.resize(range.length);
    what_.read(content.end(), std::span(piece).last(trailer));
    auto digests = digests_.finish(piece);
    if (before_last_) before_last_();
    if (flush_) sink_.flush();
    sink_.wait_until_taken(copied);
    check_unchanged(what_.disk(), on_change_);
    what_.check_left_out();
    write(piece);
    if (flush_) sink_.flush();
    return digests;
  }

  // How many bytes of the range, which may be the last ones, are of the root's trailer.
  [[nodiscard]] std::uint64_t trailer_in(HostRange range) const {
    const auto trailer = what_.root_trailer();
    return trailer && *trailer < range.end() ? range.end() - std::max(*trailer, range.begin) : 0;
  }

  // Fills the buffer with the range.
  std::span<const std::byte> read_piece(HostRange range) {
    if (digests_.any()) buffer_ = digests_.take();
    if (buffer_.size() < range.length) buffer_.resize(std::max(kBufferSize, range.length));
    const auto piece = std::span(buffer_).first(range.length);
    what_.read(range.begin, piece);
    return piece;
  }

  void count(std::uint64_t bytes) {
    if (progress_ != nullptr) progress_->emit_done += bytes;
  }

  const Emitted& what_;
  Sink& sink_;
  Progress* progress_;
  const OnChange& on_change_;
  unsigned threads_;
  bool flush_;
  Places places_;
  std::uint64_t transferred_ = 0;
  std::optional<ReadAhead> read_ahead_;
  std::vector<std::byte> buffer_;
  const std::function<void()>& before_last_;
  SentDigests digests_;
};

EmitResult emit_at_once(const Emitted& what, HostRange range, Sink& sink,
                        const std::function<std::string()>& id, const EmitOptions& options) {
  if (range.begin.value() > what.size() || range.length > what.size() - range.begin.value()) {
    throw Error(ErrorKind::kUsage, "range", "", "is not within what is written");
  }
  const SigpipeGuard guard;
  sink.check(range.length, options.flush);
  sink.begin({.length = range.length,
              .image_id = sink.wants_image_id() ? id() : "",
              .flush = options.flush});
  if (options.progress != nullptr) options.progress->emit_total = range.length;
  EmitResult result;
  try {
    result = Emitter(what, sink, options).run(range);
  } catch (const Error& error) {
    if (const auto change = what.change_behind(error, kBufferSize)) throw *change;
    throw;
  }
  sink.finish();
  return result;
}

EmitResult emit_any(const Emitted& what, HostRange range, Sink& sink,
                    const std::function<std::string()>& id, const EmitOptions& options) {
  if (options.most_per_second == 0) return emit_at_once(what, range, sink, id, options);
  LimitedSink limited(sink, options.most_per_second);
  return emit_at_once(what, range, limited, id, options);
}

}  // namespace

void check_output(const Sink& sink, std::uint64_t length, const EmitOptions& options) {
  sink.check(length, options.flush);
  for (const DigestAlgorithm algorithm : options.digests) make_hasher(algorithm);
}

EmitResult emit(const Image& image, HostRange range, Sink& sink, const EmitOptions& options) {
  return emit_any(
      EmittedImage(image), range, sink, [&] { return image.id(); }, options);
}

EmitResult emit(const Image& image, HostRange range, int fd, const EmitOptions& options) {
  return emit(image, range, *make_descriptor_sink(fd), options);
}

std::uint64_t emitted_size(const Disk& disk) {
  return EmittedDisk(disk).size();
}

EmitResult emit_disk(const Disk& disk, HostRange range, Sink& sink, const EmitOptions& options) {
  if (options.content != nullptr || options.expected != nullptr) {
    throw Error(ErrorKind::kUsage, "emission options", "", "a disk has no content of its own");
  }
  return emit_any(
      EmittedDisk(disk), range, sink, [] { return std::string(); }, options);
}

}  // namespace qcow2stream
