// SPDX-License-Identifier: GPL-2.0-or-later

#include "restore/own_root.h"

#include <algorithm>
#include <vector>

#include "qcow2stream/error.h"

namespace qcow2stream {

OwnRoot::OwnRoot(const qcow2::Header& header) : says_(header.root), length_(header.virtual_size) {}

void OwnRoot::pass(HostOffset at, std::span<const std::byte> bytes) {
  if (!says_ || says_->trailer.value() == 0) return;
  const HostOffset begin = says_->trailer;
  if (at + bytes.size() <= begin || (at >= begin && at - begin >= kRootTrailerSize)) return;
  const HostOffset from = std::max(at, begin);
  const std::uint64_t in_trailer = from - begin;
  const auto part = bytes.subspan(from - at);
  const std::size_t n = std::min<std::size_t>(part.size(), kRootTrailerSize - in_trailer);
  std::copy_n(part.begin(), n, bytes_.begin() + static_cast<std::ptrdiff_t>(in_trailer));
  came_ += n;
}

// Where it says something else than the header, it is not that of this image.
std::optional<RootTrailer> OwnRoot::trailer() const {
  if (came_ != kRootTrailerSize) return std::nullopt;
  const auto trailer = decode_root_trailer(bytes_);
  if (!trailer || trailer->length != length_ || trailer->parent != says_->parent) {
    return std::nullopt;
  }
  return trailer;
}

std::optional<ImageRoots> OwnRoot::roots() const {
  if (!says_) return std::nullopt;
  ImageRoots roots{.names_root = says_->trailer.value() != 0, .own = {}, .parent = says_->parent};
  if (const auto found = trailer()) roots.own = found->root;
  return roots;
}

std::uint64_t OwnRoot::trailer_size() const {
  return says_ && trailer() ? kRootTrailerSize : 0;
}

std::optional<ImageRoots> read_image_roots(const Disk& file) {
  if (image_magic(file) != "qcow2" || file.size() < qcow2::kSmallestHeader) return std::nullopt;
  std::vector<std::byte> bytes(qcow2::kSmallestHeader);
  file.read(GuestOffset(0), bytes);
  bytes.resize(std::min(qcow2::header_cluster_size(bytes, file.name()), file.size()));
  file.read(GuestOffset(0), bytes);
  const qcow2::Header header = qcow2::decode_header(bytes, file.name());
  OwnRoot own(header);
  const std::uint64_t at = header.root ? header.root->trailer.value() : 0;
  if (at != 0 && file.size() >= kRootTrailerSize && at <= file.size() - kRootTrailerSize) {
    std::array<std::byte, kRootTrailerSize> trailer{};
    file.read(GuestOffset(at), trailer);
    own.pass(HostOffset(at), trailer);
  }
  return own.roots();
}

}  // namespace qcow2stream
