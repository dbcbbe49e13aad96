// SPDX-License-Identifier: GPL-2.0-or-later

#include "disk/qcow2/compressed_clusters.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <string>
#include <utility>

#include "qcow2/limits.h"
#include "qcow2stream/error.h"

namespace qcow2stream {
namespace {

// Decoded clusters that are kept, for those who read them in several parts: at least four, so that
// each of a few threads finds its own.
constexpr std::uint64_t kKeptBytes = 4 << 20;
constexpr std::uint64_t kFewestKept = 4;

// As much of the beginning of a cluster is decoded alone, as long as it is small beside the rest.
constexpr std::uint64_t kPrefixShare = 4;

}  // namespace

// A decoder that one thread has for a while.
class Qcow2CompressedClusters::Loan {
 public:
  explicit Loan(const Qcow2CompressedClusters& clusters)
      : clusters_(clusters), decoder_(clusters.take_decoder()) {}
  ~Loan() {
    const std::lock_guard lock(clusters_.mutex_);
    clusters_.decoders_.push_back(std::move(decoder_));
  }
  Loan(const Loan&) = delete;
  Loan& operator=(const Loan&) = delete;
  Decoder* operator->() const { return decoder_.get(); }

 private:
  const Qcow2CompressedClusters& clusters_;
  std::unique_ptr<Decoder> decoder_;
};

Qcow2CompressedClusters::Qcow2CompressedClusters(const Disk& file, const qcow2::Header& header,
                                                 bool whole)
    : file_(file),
      cluster_size_(header.geometry.cluster_size()),
      type_(header.compression_type == qcow2::kCompressionZstd ? CompressionType::kZstd
                                                               : CompressionType::kZlib),
      whole_(whole),
      clusters_(std::max(kKeptBytes / cluster_size_, kFewestKept)) {}

std::unique_ptr<Decoder> Qcow2CompressedClusters::take_decoder() const {
  {
    const std::lock_guard lock(mutex_);
    if (!decoders_.empty()) {
      auto decoder = std::move(decoders_.back());
      decoders_.pop_back();
      return decoder;
    }
  }
  return make_decoder(type_, static_cast<std::uint32_t>(cluster_size_));
}

void Qcow2CompressedClusters::read(const Qcow2Extent& extent, GuestOffset at,
                                   std::span<std::byte> buffer) const {
  const std::uint64_t in_cluster = at - extent.cluster;
  if (in_cluster == 0 && buffer.size() == cluster_size_) return decode(extent, buffer);
  // Other entries may have the same cluster, but not such as say another length.
  const auto cluster = clusters_.get(entry_of(extent.blob), [&] {
    Cluster decoded(cluster_size_);
    decode(extent, decoded);
    return decoded;
  });
  std::ranges::copy(std::span(*cluster).subspan(in_cluster, buffer.size()), buffer.begin());
}

// What its entry says of a blob: its first byte, and above that how many sectors it goes on to.
std::uint64_t Qcow2CompressedClusters::entry_of(HostRange blob) const {
  const auto offset_bits = static_cast<unsigned>(70 - std::countr_zero(cluster_size_));
  const std::uint64_t begin = blob.begin.value();
  const std::uint64_t more_sectors =
      (begin % qcow2::kSectorSize + blob.length) / qcow2::kSectorSize;
  return begin | more_sectors << offset_bits;
}

bool Qcow2CompressedClusters::shows_data(const Qcow2Extent& extent) const {
  if (whole_) return false;
  const Loan decoder(*this);
  return decoder->shows_data(read_blob(extent.blob.first(decoder->glance())));
}

// What lies behind the end of the file reads as zeros.
std::vector<std::byte> Qcow2CompressedClusters::read_blob(HostRange blob) const {
  std::vector<std::byte> bytes(blob.length);
  const std::uint64_t there = std::min(blob.length, file_.size() - blob.begin.value());
  file_.read(GuestOffset(blob.begin.value()), std::span(bytes).first(there));
  return bytes;
}

std::optional<std::uint64_t> Qcow2CompressedClusters::blob_length(HostRange blob) const {
  const std::vector<std::byte> bytes = read_blob(blob);
  const Loan decoder(*this);
  return decoder->blob_length(bytes);
}

namespace {

void throw_if(const BlobProblem& problem, const Disk& file, const Qcow2Extent& extent) {
  if (!problem) return;
  throw Error(ErrorKind::kFailed, file.name(),
              fmt::format("the image is damaged at offset {} of its disk", extent.cluster.value()),
              fmt::format("{} (at {} in the file)", *problem, extent.blob.begin.value()))
      .at(extent.cluster.value())
      .about(ErrorSubject::kDisk);
}

}  // namespace

void Qcow2CompressedClusters::decode(const Qcow2Extent& extent,
                                     std::span<std::byte> cluster) const {
  const std::vector<std::byte> blob = read_blob(extent.blob);
  const Loan decoder(*this);
  throw_if(decoder->decode(blob, cluster), file_, extent);
}

bool Qcow2CompressedClusters::read_beginning(const Qcow2Extent& extent,
                                             std::span<std::byte> buffer) const {
  if (whole_ || buffer.size() > cluster_size_ / kPrefixShare) return false;
  const std::vector<std::byte> blob = read_blob(extent.blob);
  const Loan decoder(*this);
  return !decoder->decode_prefix(blob, buffer);
}

}  // namespace qcow2stream
