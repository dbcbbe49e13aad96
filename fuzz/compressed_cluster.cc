// SPDX-License-Identifier: GPL-2.0-or-later
//
// Blobs of compressed clusters. The first byte of an input chooses type and cluster size, the rest
// is the blob. A blob is decoded to a cluster or is a problem, twice the same; its prefix, where it
// can be decoded alone, is the beginning of the cluster; and as many bytes as are said to be its
// own give the cluster again.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "codec/decoder.h"
#include "input.h"

namespace qcow2stream::fuzz {
namespace {

using Bytes = std::vector<std::byte>;

void check_length(Decoder& decoder, std::span<const std::byte> blob, const Bytes& cluster,
                  BlobProblem problem) {
  const auto length = decoder.blob_length(blob);
  if (!length) return;
  require(*length <= blob.size(), "a length within the blob");
  // Of zstd frames the length may be told although they are damaged.
  Bytes again(cluster.size());
  const BlobProblem shorter = decoder.decode(blob.first(*length), again);
  require(shorter.has_value() == problem.has_value(), "the same verdict on the blob's own bytes");
  require(problem || again == cluster, "the same cluster from the blob's own bytes");
}

void check(std::uint8_t choice, std::span<const std::byte> blob) {
  const CompressionType type = choice % 2 == 0 ? CompressionType::kZlib : CompressionType::kZstd;
  const std::uint32_t cluster_size = 512U << choice / 2 % 9;
  const auto decoder = make_decoder(type, cluster_size);
  Bytes cluster(cluster_size);
  const BlobProblem problem = decoder->decode(blob, cluster);
  Bytes again(cluster_size);
  require(decoder->decode(blob, again) == problem, "the same problem");
  require(problem || again == cluster, "the same cluster");
  Bytes prefix(cluster_size / 3);
  const BlobProblem earlier = decoder->decode_prefix(blob, prefix);
  require(problem || earlier || std::equal(prefix.begin(), prefix.end(), cluster.begin()),
          "the beginning of the cluster");
  check_length(*decoder, blob, cluster, problem);
}

}  // namespace
}  // namespace qcow2stream::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return qcow2stream::fuzz::run("compressed-cluster", [&] {
    if (size == 0) return;
    qcow2stream::fuzz::check(data[0], std::as_bytes(std::span(data, size).subspan(1)));
  });
}
