// SPDX-License-Identifier: GPL-2.0-or-later
//
// Decodes the compressed clusters of one image (specification: "Compressed Clusters Descriptor").

#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "codec/decoder.h"
#include "disk/qcow2/shared_cache.h"
#include "disk/qcow2/tables.h"
#include "qcow2/header.h"
#include "qcow2stream/compression.h"
#include "qcow2stream/disk.h"

namespace qcow2stream {

// All functions may be called by several threads at once.
class Qcow2CompressedClusters {
 public:
  // `file` is the image and must outlive it. `whole`: of a cluster that cannot be decoded to its
  // end the beginning cannot be read either.
  Qcow2CompressedClusters(const Disk& file, const qcow2::Header& header, bool whole);

  // Fills `buffer` with what the disk holds from `at` on. Both ends lie within the range of
  // `extent`, whose kind is kCompressed. Throws Error{kFailed}, with the offset in the disk, for
  // what cannot be decoded.
  void read(const Qcow2Extent& extent, GuestOffset at, std::span<std::byte> buffer) const;

  // Fills `buffer` with the beginning of the cluster of `extent`, without looking for damage behind
  // it: for probes, after which the cluster is still read. Returns false where that gains nothing
  // or cannot be done, and read() says what there is. Throws Error if the file cannot be read.
  [[nodiscard]] bool read_beginning(const Qcow2Extent& extent, std::span<std::byte> buffer) const;

  // Whether the cluster of `extent` is known not to be all zeros without being decoded. Throws
  // Error if the file cannot be read.
  [[nodiscard]] bool shows_data(const Qcow2Extent& extent) const;

  [[nodiscard]] CompressionType type() const { return type_; }
  // Returns how many bytes of `blob`, which lies in the file, a cluster is made of; nothing where
  // there is none that every reader can decode. Throws Error if the file cannot be read.
  [[nodiscard]] std::optional<std::uint64_t> blob_length(HostRange blob) const;

 private:
  using Cluster = std::vector<std::byte>;
  class Loan;

  [[nodiscard]] std::vector<std::byte> read_blob(HostRange blob) const;
  [[nodiscard]] std::uint64_t entry_of(HostRange blob) const;
  void decode(const Qcow2Extent& extent, std::span<std::byte> cluster) const;
  [[nodiscard]] std::unique_ptr<Decoder> take_decoder() const;

  const Disk& file_;
  const std::uint64_t cluster_size_;
  const CompressionType type_;
  const bool whole_;
  mutable std::mutex mutex_;
  mutable std::vector<std::unique_ptr<Decoder>> decoders_;  // those that nobody uses now
  mutable SharedCache<Cluster> clusters_;
};

}  // namespace qcow2stream
