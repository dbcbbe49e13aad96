// SPDX-License-Identifier: GPL-2.0-or-later
//
// What of an image does not come, and what is made of that.

#include <fmt/format.h>

#include <optional>
#include <string>
#include <utility>

#include "codec/decoder.h"
#include "qcow2/limits.h"
#include "qcow2stream/error.h"
#include "restore/image_errors.h"
#include "restore/image_stream.h"

namespace qcow2stream {
namespace {

using Kind = Reference::Kind;

}  // namespace

// Waiting for a table keeps all that comes meanwhile, so one that a damaged entry has where nothing
// can be is given up at once, if the image is salvaged.
std::optional<std::string> ImageStream::why_it_never_comes(const Reference& reference) const {
  if (!salvages() || reference.kind != Kind::kL2Table) return std::nullopt;
  const std::uint64_t begin = reference.host.begin.value();
  if (!image_.size || begin < *image_.size) return std::nullopt;
  return fmt::format("an L2 table lies at {}, behind the end of the image", begin);
}

void ImageStream::lose(const Reference& reference, HostOffset from, const std::string& reason) {
  tables_->lose(reference, from, reason);
  if (tables_->are_complete()) early_.forget_all();
}

bool ImageStream::is_needed(const Reference& reference) const {
  if (reference.kind == Kind::kRefcountBlock || reference.kind == Kind::kReserved) {
    return counts_ != nullptr;
  }
  return reference.kind != Kind::kPadding;
}

void ImageStream::check_length() const {
  const std::uint64_t length = at_.value();
  if (!image_.size || salvages()) return;
  if (length < *image_.size) {
    throw_cut_off(image_.name, length, fmt::format("it should have {}", *image_.size));
  }
  if (length > *image_.size) {
    throw Error(ErrorKind::kDamaged, image_.name, "is longer than announced",
                fmt::format("it has {} bytes, not {}", length, *image_.size))
        .about(ErrorSubject::kImage);
  }
}

// What there is from `from` on has not come.
void ImageStream::cut_off(const Reference& reference, HostOffset from) {
  if (!is_needed(reference)) return;
  const std::uint64_t length = at_.value();
  if (!salvages()) {
    throw_cut_off(image_.name, length, fmt::format("what lies at {} is missing", from.value()));
  }
  const std::string why = broken_off_ ? ": " + *broken_off_ : "";
  lose(reference, from, fmt::format("the image is cut off after {} bytes{}", length, why));
}

// Whether compressed data ends in `bytes`, and was not cut off. What follows a stream that is cut
// off is zeros to a decoder, which takes that for data.
bool ImageStream::is_whole(std::span<const std::byte> bytes) const {
  const auto cluster = static_cast<std::uint32_t>(header_.geometry.cluster_size());
  return make_decoder(compression_type(), cluster)->blob_length(bytes).has_value();
}

// Of compressed data the last sector need not be whole, nor the last cluster of what is not read.
void ImageStream::end_arriving(Arriving& arriving) {
  const Reference& reference = arriving.reference;
  const std::uint64_t missing = reference.host.end() - arriving.next;
  if (reference.kind == Kind::kReserved && missing < header_.geometry.cluster_size()) return;
  if (reference.kind == Kind::kCompressed && missing < qcow2::kSectorSize &&
      (!salvages() || is_whole(arriving.gathered))) {
    arriving.gathered.resize(reference.host.length);
    end_blob(arriving);
  } else {
    const bool is_table = reference.kind != Kind::kCompressed;
    const HostOffset from = arriving.next - (is_table ? arriving.gathered.size() : 0);
    cut_off(reference, from);
    Reference other = reference;
    for (const GuestOffset guest : arriving.also) {
      other.guest = guest;
      cut_off(other, from);
    }
  }
}

// A stream does not say whether it is complete, so nothing of the disk may be missing. QEMU reads
// as zeros what a file does not have of its last cluster; here that is where the stream broke off.
void ImageStream::check_end() {
  check_length();
  // What is lost of a table ends nothing that is arriving.
  for (Arriving& arriving : std::exchange(arriving_, {})) end_arriving(arriving);
  while (const auto next = references_->front()) {
    references_->take_front();
    cut_off(*next, next->host.begin);
  }
  content_->end_chunk();
}

}  // namespace qcow2stream
