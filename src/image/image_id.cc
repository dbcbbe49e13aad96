// SPDX-License-Identifier: GPL-2.0-or-later

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "codec/codec.h"
#include "image/content.h"
#include "qcow2stream/error.h"
#include "qcow2stream/image.h"

namespace qcow2stream {
namespace {

constexpr std::size_t kPiece = 1U << 20;
constexpr std::size_t kLayoutBytes = 16;  // of the SHA-256 that the id shows

class Sha256 {
 public:
  Sha256() { check(EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr)); }
  void update(std::span<const std::byte> bytes) {
    check(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()));
  }
  std::array<unsigned char, 32> finish() {
    std::array<unsigned char, 32> digest{};
    check(EVP_DigestFinal_ex(context_.get(), digest.data(), nullptr));
    return digest;
  }

 private:
  static void check(int ok) {
    if (ok != 1) throw Error(ErrorKind::kFailed, "image-id", "SHA-256 failed", "OpenSSL refuses");
  }
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_{EVP_MD_CTX_new(),
                                                                   &EVP_MD_CTX_free};
};

// Where the disk's own bytes begin, compressed or not; all metadata comes before.
std::uint64_t metadata_size(const Layout& layout) {
  std::uint64_t size = 0;
  for (const Region& region : layout.regions()) {
    if (region.kind < RegionKind::kDataClusters) size += region.range.length;
  }
  return size;
}

}  // namespace

std::string Image::id() const {
  Sha256 hash;
  std::vector<std::byte> piece(kPiece);
  const std::uint64_t end = metadata_size(content_->layout);
  for (std::uint64_t at = 0; at < end;) {
    const auto out = std::span(piece).first(std::min<std::uint64_t>(kPiece, end - at));
    read(HostOffset(at), out);
    hash.update(out);
    at += out.size();
  }
  if (const auto& compression = content_->options.compression) {
    const std::string version = codec_version(*compression);
    hash.update(std::as_bytes(std::span(version)));
  }
  std::string id;
  const auto digest = hash.finish();
  for (unsigned char b : std::span(digest).first(kLayoutBytes)) id += fmt::format("{:02x}", b);
  const auto stamp = content_->disk->stamp();
  return id + (stamp ? fmt::format(".{}-{}", stamp->size, stamp->mtime_ns) : ".-");
}

}  // namespace qcow2stream
