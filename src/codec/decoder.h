// SPDX-License-Identifier: GPL-2.0-or-later
//
// The compressed bytes of a cluster, a blob, to the cluster: whatever QEMU reads, and nothing that
// it refuses. An image tells of a blob only in which sectors it lies, so there may be bytes behind
// its end that belong to somebody else; they are never looked at.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "qcow2stream/compression.h"

namespace qcow2stream {

// What is wrong with a blob, as the reason in a message: "the compressed data is damaged". A
// constant.
using BlobProblem = std::optional<std::string_view>;

// Belongs to one thread; keeps its working memory from one blob to the next.
// Throws Error{kFailed} where there is no memory, and std::bad_alloc.
class Decoder {
 public:
  virtual ~Decoder() = default;

  // Fills `cluster`, which is a whole one. Where there is a problem, what is in it means nothing.
  [[nodiscard]] virtual BlobProblem decode(std::span<const std::byte> blob,
                                           std::span<std::byte> cluster) = 0;

  // Fills `prefix` with the beginning of the cluster, for a fraction of the time; it is not longer
  // than a cluster. Damage behind it may go unnoticed.
  [[nodiscard]] virtual BlobProblem decode_prefix(std::span<const std::byte> blob,
                                                  std::span<std::byte> prefix) = 0;

  // How many bytes of `blob` its cluster is made of. Nothing where that many bytes alone would not
  // be a blob for every reader: where there is a problem, or where the compressed data goes on
  // behind the end of the cluster. Damage that leaves the end where it is may go unnoticed.
  [[nodiscard]] virtual std::optional<std::size_t> blob_length(std::span<const std::byte> blob) = 0;
};

// A decoder of clusters of `cluster_size` bytes.
std::unique_ptr<Decoder> make_decoder(CompressionType type, std::uint32_t cluster_size);

}  // namespace qcow2stream
