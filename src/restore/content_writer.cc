// SPDX-License-Identifier: GPL-2.0-or-later

#include "restore/content_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/zero.h"
#include "restore/image_errors.h"

namespace qcow2stream {
namespace {

// Bytes of the disk that one piece of work brings to the target.
constexpr std::uint64_t kBatch = 1 << 20;

// The unit of holes. Where zeros have to be made, which takes a call each, small ones are written.
constexpr std::uint64_t kHole = 4096;
constexpr std::uint64_t kMadeHole = 64 << 10;

// The unit in which a target is compared and mended.
constexpr std::uint64_t kCompared = 4096;

}  // namespace

ContentWriter::ContentWriter(Target* target, const RestoreOptions& options, WrittenImage image,
                             WorkerPool& workers, RestoredBytes& bytes)
    : target_(target),
      options_(options),
      image_(std::move(image)),
      workers_(workers),
      bytes_(bytes),
      is_in_order_(target != nullptr && target->traits().in_order),
      desks_(workers.threads()) {}

void ContentWriter::data(GuestOffset at, SharedBytes bytes) {
  const std::uint64_t length = bytes.bytes.size();
  add(Data{at, std::move(bytes)}, length);
}

void ContentWriter::compressed(GuestRange range, HostOffset at, std::vector<std::byte> blob) {
  add(Blob{range, at, std::move(blob)}, range.length);
}

void ContentWriter::data_of(const Disk& disk, GuestRange range) {
  while (range.length > 0) {
    // Pieces end at round offsets, so that blocks are not written by two threads.
    const std::uint64_t n = kBatch - range.begin.value() % kBatch;
    const GuestRange piece = range.take_front(n);
    add(OfDisk{&disk, piece}, piece.length);
  }
}

void ContentWriter::zeros(GuestRange range) {
  if (zeros_ && zeros_->end() == range.begin) {
    zeros_->length += range.length;
    return;
  }
  add_zeros();
  zeros_ = range;
}

void ContentWriter::below(GuestRange range) {
  count_done(range.length);
}

void ContentWriter::lost(GuestRange range, HostOffset at, const std::string& reason) {
  if (options_.lost == nullptr) throw_damaged(image_.name, at, reason);
  note_loss(range, at, reason);
  if (options_.apply) {
    below(range);
  } else {
    zeros(range);
  }
}

void ContentWriter::note_loss(GuestRange range, HostOffset at, const std::string& reason) {
  options_.lost->add(image_.name, range,
                     fmt::format("{} (at {} in the image)", reason, at.value()));
}

void ContentWriter::add_zeros() {
  if (zeros_) add(Zeros{*std::exchange(zeros_, std::nullopt)}, 0);
}

void ContentWriter::add(Piece piece, std::uint64_t cost) {
  batch_.push_back(std::move(piece));
  batch_cost_ += cost;
  // Many pieces take memory, too, however small they are.
  constexpr std::size_t kMostPieces = 4096;
  if (batch_cost_ >= kBatch || batch_.size() >= kMostPieces) submit();
}

void ContentWriter::end_chunk() {
  submit();
}

void ContentWriter::submit() {
  if (batch_.empty()) return;
  batch_cost_ = 0;
  auto batch = std::make_shared<Batch>(std::exchange(batch_, {}));
  workers_.submit([this, batch, number = batches_++](unsigned thread) {
    if (is_in_order_) return bring_in_turn(*batch, number, desks_[thread]);
    bring_all(*batch, desks_[thread]);
  });
}

void ContentWriter::finish() {
  add_zeros();
  submit();
  workers_.wait();
}

// --- what the threads do ------------------------------------------------------------------------

void ContentWriter::count_done(std::uint64_t bytes) const {
  if (options_.progress != nullptr) options_.progress->emit_done += bytes;
}

// Decodes and reads at once with the others, and writes when its turn has come. Batches begin in
// their order, so the one whose turn it is does not wait for anybody. What comes to the target out
// of the order of the disk is the same with any number of threads.
void ContentWriter::bring_in_turn(Batch& batch, std::uint64_t number, Desk& desk) {
  try {
    for (Piece& piece : batch) {
      piece = as_data(piece, desk);
      record(piece, desk);
    }
    {
      std::unique_lock lock(turn_mutex_);
      turn_changed_.wait(lock, [&] { return turn_has_failed_ || turn_ == number; });
      if (turn_has_failed_) return;
    }
    bring_all(batch, desk);
  } catch (...) {
    const std::lock_guard lock(turn_mutex_);
    turn_has_failed_ = true;
    turn_changed_.notify_all();
    throw;
  }
  const std::lock_guard lock(turn_mutex_);
  ++turn_;
  turn_changed_.notify_all();
}

// The same piece with bytes that need only be written.
ContentWriter::Piece ContentWriter::as_data(const Piece& piece, Desk& desk) {
  std::vector<std::byte> bytes;
  GuestOffset at;
  if (const auto* blob = std::get_if<Blob>(&piece)) {
    bytes.resize(image_.cluster_size);
    const bool is_there = decode(*blob, desk, bytes);
    if (!is_there && options_.apply) return Data{blob->range.begin, {}};
    if (!is_there) return Zeros{blob->range};
    bytes.resize(blob->range.length);
    at = blob->range.begin;
  } else if (const auto* part = std::get_if<OfDisk>(&piece)) {
    bytes.resize(part->range.length);
    part->disk->read(part->range.begin, bytes);
    at = part->range.begin;
  } else {
    return piece;
  }
  auto owner = std::make_shared<const std::vector<std::byte>>(std::move(bytes));
  return Data{at, {owner, *owner}};
}

// Where the target is written in turn, before that: nobody waits for hashing.
void ContentWriter::record(const Piece& piece, Desk& desk) const {
  if (image_.record == nullptr) return;
  if (const auto* data = std::get_if<Data>(&piece)) {
    image_.record->data(desk.hash, data->at, data->bytes.bytes);
  } else if (const auto* zeros = std::get_if<Zeros>(&piece)) {
    image_.record->zeros(desk.hash, zeros->range);
  }
}

void ContentWriter::bring_all(const Batch& batch, Desk& desk) {
  desk.decoded = {};  // of a batch that failed
  for (const Piece& piece : batch) {
    if (const auto* blob = std::get_if<Blob>(&piece)) {
      bring_next(*blob, desk);
    } else {
      bring_decoded(desk);
      bring(piece, desk);
    }
  }
  bring_decoded(desk);
}

void ContentWriter::bring(const Piece& piece, Desk& desk) {
  if (const auto* data = std::get_if<Data>(&piece)) {
    bring(data->at, data->bytes.bytes, desk);
  } else if (const auto* part = std::get_if<OfDisk>(&piece)) {
    bring(*part, desk);
  } else {
    bring(std::get<Zeros>(piece), desk);
  }
}

// Fills `cluster`. False where what it holds is lost.
bool ContentWriter::decode(const Blob& blob, Desk& desk, std::span<std::byte> cluster) {
  if (desk.decoder == nullptr) {
    desk.decoder =
        make_decoder(image_.compression, static_cast<std::uint32_t>(image_.cluster_size));
  }
  if (const BlobProblem problem = desk.decoder->decode(blob.bytes, cluster)) {
    if (options_.lost == nullptr) throw_damaged(image_.name, blob.at, std::string(*problem));
    note_loss(blob.range, blob.at, std::string(*problem));
    return false;
  }
  return true;
}

// Clusters that follow each other go to the target at once.
void ContentWriter::bring_next(const Blob& blob, Desk& desk) {
  const bool follows = desk.decoded.end() == blob.range.begin && desk.decoded.length < kBatch;
  if (!follows) bring_decoded(desk);
  if (desk.decoded.length == 0) desk.decoded.begin = blob.range.begin;
  desk.clusters.resize(std::max(desk.clusters.size(), kBatch + image_.cluster_size));
  if (decode(blob, desk,
             std::span(desk.clusters).subspan(desk.decoded.length, image_.cluster_size))) {
    desk.decoded.length += blob.range.length;
    return;
  }
  bring_decoded(desk);
  if (options_.apply) {
    count_done(blob.range.length);
  } else {
    bring(Zeros{blob.range}, desk);
  }
}

void ContentWriter::bring_decoded(Desk& desk) {
  const GuestRange range = std::exchange(desk.decoded, {});
  if (range.length == 0) return;
  bring(range.begin, std::span(desk.clusters).first(range.length), desk);
}

void ContentWriter::bring(const OfDisk& part, Desk& desk) {
  desk.read.resize(std::max<std::size_t>(desk.read.size(), kBatch));
  const std::span bytes = std::span(desk.read).first(part.range.length);
  part.disk->read(part.range.begin, bytes);
  bring(part.range.begin, bytes, desk);
}

void ContentWriter::bring(GuestOffset at, std::span<const std::byte> bytes, Desk& desk) {
  count_done(bytes.size());
  if (image_.record != nullptr && !is_in_order_) image_.record->data(desk.hash, at, bytes);
  if (target_ == nullptr) return;
  if (options_.writing != RestoreOptions::Writing::kAll) {
    compare(at, bytes, desk);
  } else if (options_.sparse) {
    write_sparsely(at, bytes);
  } else {
    write(at, bytes);
  }
}

void ContentWriter::bring(const Zeros& zeros, Desk& desk) {
  count_done(zeros.range.length);
  if (image_.record != nullptr && !is_in_order_) image_.record->zeros(desk.hash, zeros.range);
  if (target_ == nullptr) return;
  if (options_.writing == RestoreOptions::Writing::kAll) return zero(zeros.range);
  static const std::vector<std::byte> blank(kBatch);
  for (GuestRange rest = zeros.range; rest.length > 0;) {
    const GuestRange piece = rest.take_front(kBatch - rest.begin.value() % kBatch);
    compare(piece.begin, std::span(blank).first(piece.length), desk);
  }
}

void ContentWriter::write(GuestOffset at, std::span<const std::byte> bytes) {
  target_->write(at, bytes);
  bytes_.written += bytes.size();
}

void ContentWriter::zero(GuestRange range) {
  if (!image_.target_is_zero) target_->zero(range);
  bytes_.zeroed += range.length;
}

// Leaves out the blocks of zeros.
void ContentWriter::write_sparsely(GuestOffset at, std::span<const std::byte> bytes) {
  const std::uint64_t unit = image_.target_is_zero ? kHole : kMadeHole;
  std::size_t begin = 0;  // of a run that is alike
  bool is_hole = false;
  const auto end_run = [&](std::size_t end) {
    if (end == begin) return;
    if (is_hole) {
      zero({at + begin, end - begin});
    } else {
      write(at + begin, bytes.subspan(begin, end - begin));
    }
    begin = end;
  };
  for (std::size_t i = 0; i < bytes.size();) {
    const std::size_t n = std::min<std::uint64_t>(unit - (at.value() + i) % unit,  //
                                                  bytes.size() - i);
    const bool is_zeros = is_zero(bytes.subspan(i, n));
    if (is_zeros != is_hole) {
      end_run(i);
      is_hole = is_zeros;
    }
    i += n;
  }
  end_run(bytes.size());
}

void ContentWriter::compare(GuestOffset at, std::span<const std::byte> wanted, Desk& desk) {
  desk.found.resize(std::max(desk.found.size(), wanted.size()));
  const std::span found = std::span(desk.found).first(wanted.size());
  target_->read(at, found);
  std::size_t begin = 0;  // of a run that is alike
  bool is_other = false;
  const auto end_run = [&](std::size_t end) {
    if (end == begin) return;
    if (is_other) {
      differs(at + begin, wanted.subspan(begin, end - begin));
    } else {
      bytes_.equal += end - begin;
    }
    begin = end;
  };
  for (std::size_t i = 0; i < wanted.size();) {
    const std::size_t n =
        std::min<std::uint64_t>(kCompared - (at.value() + i) % kCompared, wanted.size() - i);
    const bool other = std::memcmp(found.data() + i, wanted.data() + i, n) != 0;
    if (other != is_other) {
      end_run(i);
      is_other = other;
    }
    i += n;
  }
  end_run(wanted.size());
}

void ContentWriter::differs(GuestOffset at, std::span<const std::byte> wanted) {
  bytes_.different += wanted.size();
  if (options_.writing == RestoreOptions::Writing::kDifferences) {
    if (options_.sparse && is_zero(wanted)) {
      target_->zero({at, wanted.size()});
      bytes_.zeroed += wanted.size();
    } else {
      write(at, wanted);
    }
    return;
  }
  if (!options_.on_difference) return;
  const std::lock_guard lock(difference_);
  options_.on_difference({at, wanted.size()});
}

}  // namespace qcow2stream
