// SPDX-License-Identifier: GPL-2.0-or-later
//
// One cluster to its compressed bytes, and the same bytes every time: on every processor, in every
// thread, whatever the codec has compressed before. Only another version of a library may change
// them, which is why codec_version() is a part of an image's identity.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "qcow2stream/compression.h"

namespace qcow2stream {

// Belongs to one thread; keeps its working memory from one cluster to the next.
class Codec {
 public:
  virtual ~Codec() = default;
  // Compresses a whole cluster into `out`, which has room for one cluster less one byte; more room
  // changes nothing. Returns the number of bytes, or 0 if they do not fit: such a cluster is better
  // stored as it is. Allocates nothing.
  // Throws Error{kFailed} where the library fails for another reason (memory).
  virtual std::size_t compress(std::span<const std::byte> cluster, std::span<std::byte> out) = 0;
};

// A codec for clusters of `cluster_size` bytes. `compression` must be one that find_problem()
// accepts.
std::unique_ptr<Codec> make_codec(const Compression& compression, std::uint32_t cluster_size);

// Names all that decides the bytes: "zlib level 6 (zlib 1.2.13 level 9), window 4096, fingerprint
// 0123abcd". The fingerprint is that of the compressed form of a fixed text: libraries of one
// version that make other bytes, for a processor, by a distribution's patch or as a replacement,
// differ in it. Takes about as long as a cluster of 64 KiB.
std::string codec_version(const Compression& compression);

}  // namespace qcow2stream
