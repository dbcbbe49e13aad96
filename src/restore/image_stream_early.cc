// SPDX-License-Identifier: GPL-2.0-or-later
//
// What comes of an image before it is known what it is for.

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "qcow2/limits.h"
#include "qcow2stream/error.h"
#include "restore/image_errors.h"
#include "restore/image_stream.h"

namespace qcow2stream {
namespace {

using Kind = Reference::Kind;

// What is kept of the first and last sectors of compressed data, in bytes. QEMU puts the data of a
// cluster right behind that of another one, and an L2 table into the next cluster that is free. So
// the first data of a table may stand in front of it, behind that of other tables; and where
// clusters are written in any order, between two others, whose sectors it has a part of.
constexpr std::uint64_t kKeptTails = 4 << 20;

}  // namespace

// Keeps what may be somebody's who is not known yet.
void ImageStream::keep(const SharedBytes& bytes) {
  const auto is_shared = [this](const Arriving& a) {
    return a.reference.kind == Kind::kCompressed &&
           (at_ < head_end_of(a.reference) || at_ >= tail_of(a.reference));
  };
  if (!std::ranges::all_of(arriving_, is_shared)) return;
  const bool is_kept = early_.keep(at_, bytes.bytes);
  if (arriving_.empty()) {
    if (!is_kept) throw_no_room(bytes.bytes.size());
    return;
  }
  if (!is_kept) return;  // rarely does anybody need a tail
  tails_.push_back({at_, bytes.bytes.size()});
  tail_bytes_ += bytes.bytes.size();
  while (tail_bytes_ > kKeptTails) {
    early_.take(tails_.front());
    tail_bytes_ -= tails_.front().length;
    tails_.pop_front();
  }
}

// All that is not data of the disk. What is the disk's and comes too early is kept here, too.
void ImageStream::keep_for_counts(const SharedBytes& bytes) {
  const auto is_content = [](const Arriving& a) {
    return a.reference.kind == Kind::kData || a.reference.kind == Kind::kCompressed;
  };
  if (std::ranges::any_of(arriving_, is_content)) return;
  if (!for_counts_->keep(at_, bytes.bytes)) for_counts_.reset();
}

bool ImageStream::read_again(HostOffset at, std::span<std::byte> buffer) const {
  if (image_.file != nullptr) {
    image_.file->read(GuestOffset(at.value()), buffer);
    return true;
  }
  const auto bytes = for_counts_ ? for_counts_->copy({at, buffer.size()}) : std::nullopt;
  if (bytes) std::ranges::copy(*bytes, buffer.begin());
  return bytes.has_value();
}

// Some or all of it has come already.
void ImageStream::take_early(const Reference& reference) {
  count(reference);
  if (reference.kind == Kind::kReserved || !is_needed(reference)) return;
  const HostRange there = reference.host.first(at_ - reference.host.begin);
  // The bytes of compressed data may be those of more.
  auto bytes = reference.kind == Kind::kCompressed ? early_.copy(there) : early_.take(there);
  if (!bytes && salvages()) {
    return lose(reference, reference.host.begin, "it is needed once more after it has passed");
  }
  if (!bytes) throw_too_late(there.begin);
  auto owner = std::make_shared<const std::vector<std::byte>>(std::move(*bytes));
  Arriving arriving{
      .reference = reference, .next = reference.host.begin, .gathered = {}, .also = {}};
  use(arriving, {owner, *owner});
  if (arriving.next == reference.host.end()) return;
  begun_bytes_ += arriving.gathered.size();
  check_gathered(begun_bytes_);
  begun_early_.push_back(std::move(arriving));
}

void ImageStream::throw_too_late(HostOffset at) const {
  throw_not_streamed(image_.name, fmt::format("what lies at {} in it is needed once more after it "
                                              "has passed; read it from a file",
                                              at.value()));
}

void ImageStream::throw_no_room(std::uint64_t more) const {
  // All that may come before the last table does. What has no counts is not part of the image.
  const std::uint64_t end = image_.size.value_or(
      std::min(counted_clusters_, qcow2::kMaxHostOffset >> header_.geometry.cluster_bits)
      << header_.geometry.cluster_bits);
  const std::uint64_t here = at_.value() + more;
  const std::uint64_t enough = early_.size() + more + (end > here ? end - here : 0);
  throw Error(ErrorKind::kFailed, image_.name, "its tables come after its data",
              fmt::format("what came by now has to be kept, and there is no room for it; {} bytes "
                          "are enough",
                          enough))
      .about(ErrorSubject::kSpool)
      .advise(Advice::kMoreSpool, enough);
}

}  // namespace qcow2stream
