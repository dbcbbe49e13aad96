// SPDX-License-Identifier: GPL-2.0-or-later

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <string>
#include <vector>

#include "base/hex.h"
#include "codec/codec.h"
#include "digest/hasher.h"
#include "image/content.h"
#include "qcow2stream/image.h"

namespace qcow2stream {
namespace {

constexpr std::size_t kPiece = 1U << 20;
constexpr std::size_t kLayoutBytes = 16;  // how much of the SHA-256 the id shows

// Where the disk's own bytes begin, compressed or not. All metadata comes before them.
std::uint64_t metadata_size(const Layout& layout) {
  std::uint64_t size = 0;
  for (const Region& region : layout.regions()) {
    if (region.kind < RegionKind::kDataClusters) size += region.range.length;
  }
  return size;
}

}  // namespace

std::string Image::id() const {
  std::string id = stamp_id();
  if (content_->digests == nullptr) return id;
  id.resize(id.find('.'));
  return fmt::format("{}.root-{}", id, root_text(*content_->root()));
}

std::string Image::stamp_id() const {
  const auto hash = make_hasher(DigestAlgorithm::kSha256);
  std::vector<std::byte> piece(kPiece);
  const std::uint64_t end = metadata_size(content_->layout);
  for (std::uint64_t at = 0; at < end;) {
    const auto out = std::span(piece).first(std::min<std::uint64_t>(kPiece, end - at));
    read(HostOffset(at), out);
    hash->update(out);
    at += out.size();
  }
  if (const auto& compression = content_->options.compression) {
    const std::string version = compression->keep ? "kept" : codec_version(*compression);
    hash->update(std::as_bytes(std::span(version)));
  }
  const std::string addition = content_->disk->id_addition();
  hash->update(std::as_bytes(std::span(addition)));
  const auto digest = hash->finish();
  const auto stamp = content_->disk->stamp();
  std::string id = hex(std::span(digest).first(kLayoutBytes));
  if (!stamp) return id + ".-";
  id += fmt::format(".{}-{}", stamp->size, stamp->mtime_ns);
  if (stamp->others != 0) id += fmt::format("-{:016x}", stamp->others);
  return id;
}

}  // namespace qcow2stream
