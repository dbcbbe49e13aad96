// SPDX-License-Identifier: GPL-2.0-or-later

#include "codec/inflater.h"

#include <new>

#include "codec/decoders.h"

namespace qcow2stream {
namespace {

// Raw deflate, without zlib's header and checksum; the largest window.
constexpr int kRawDeflate = -15;

}  // namespace

Inflater::Inflater() {
  if (inflateInit2(&stream_, kRawDeflate) != Z_OK) throw std::bad_alloc();
}

Inflater::~Inflater() {
  inflateEnd(&stream_);
}

BlobProblem Inflater::fill(std::span<const std::byte> blob, std::span<std::byte> out) {
  inflateReset(&stream_);
  // zlib does not write to its input; the type is that of C.
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-const-cast)
  stream_.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(blob.data()));
  stream_.avail_in = static_cast<uInt>(blob.size());
  stream_.next_out = reinterpret_cast<Bytef*>(out.data());
  stream_.avail_out = static_cast<uInt>(out.size());
  const int result = inflate(&stream_, Z_FINISH);
  if (result == Z_MEM_ERROR) throw std::bad_alloc();
  // The latter: the blob ends too early, or there is no room for more.
  if (result != Z_STREAM_END && result != Z_BUF_ERROR) return kDamagedBlob;
  if (stream_.avail_out != 0) return kShortBlob;
  return {};
}

}  // namespace qcow2stream
