// SPDX-License-Identifier: GPL-2.0-or-later
//
// The compressed bytes of a cluster, a blob, to the cluster. An image tells of a blob only in which
// sectors it lies, so there may be bytes behind its end that belong to somebody else; they are
// never looked at.
//
// Whatever QEMU reads is read, with the same result: deflate of any window, and of more than a
// cluster; several zstd frames. What QEMU finds damaged is found damaged, but for this: where
// deflate has codes that it reserves, or repeats a code's length too often, libdeflate reads on. Of
// 200,000 blobs of 4 KiB clusters with one to three wrong bits it let 0.2 % pass that zlib refused;
// neither of them noticed anything in another 23 %, since deflate has no checksum.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "qcow2stream/compression.h"

namespace qcow2stream {

// What is wrong with a blob, as the reason in a message; a constant.
using BlobProblem = std::optional<std::string_view>;

// Belongs to one thread; keeps its working memory from one blob to the next. Throws std::bad_alloc.
class Decoder {
 public:
  virtual ~Decoder() = default;

  // Fills `cluster`, which is a whole one. Where there is a problem, what is in it means nothing.
  [[nodiscard]] virtual BlobProblem decode(std::span<const std::byte> blob,
                                           std::span<std::byte> cluster) = 0;

  // Whether the cluster is seen not to be all zeros at a glance: at a small part of the cost of
  // decode_prefix(). Of `blob` the first glance() bytes are enough. False where that does not show,
  // and where what it saw is damaged.
  [[nodiscard]] virtual std::size_t glance() const = 0;
  [[nodiscard]] virtual bool shows_data(std::span<const std::byte> blob) = 0;

  // Fills `prefix` with the beginning of the cluster; it is not longer than a cluster. Damage
  // behind it may go unnoticed. A problem is none of the cluster until decode() has it, too: zstd
  // minds a window of more than 128 MiB only where it does not decode a whole frame at once, and
  // zlib some codes that libdeflate reads. Deflate takes time for the prefix only, zstd for blocks
  // of up to 128 KiB.
  [[nodiscard]] virtual BlobProblem decode_prefix(std::span<const std::byte> blob,
                                                  std::span<std::byte> prefix) = 0;

  // How many bytes of `blob` its cluster is made of. Nothing where these would not be a blob for
  // every reader: where there is a problem, or where they make more than the cluster, or do not say
  // that they end. Damage within zstd frames goes unnoticed if they say how long they are.
  [[nodiscard]] virtual std::optional<std::size_t> blob_length(std::span<const std::byte> blob) = 0;
};

// A decoder of clusters of `cluster_size` bytes.
std::unique_ptr<Decoder> make_decoder(CompressionType type, std::uint32_t cluster_size);

}  // namespace qcow2stream
