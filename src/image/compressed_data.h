// SPDX-License-Identifier: GPL-2.0-or-later
//
// Makes the bytes of the compressed clusters: of what the survey kept, or by compressing once more.

#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "codec/codec.h"
#include "layout/layout.h"
#include "qcow2stream/disk.h"
#include "qcow2stream/image.h"
#include "qcow2stream/manifest.h"
#include "qcow2stream/stored_clusters.h"
#include "qcow2stream/types.h"
#include "spool/compressed_store.h"

namespace qcow2stream {

class CompressedData {
 public:
  // The content that the survey has found: its digests, and what of the disk it leaves out. Both
  // may be null.
  struct Surveyed {
    std::shared_ptr<const ManifestBuilder> digests;
    std::shared_ptr<const ClusterMap> left_out;
  };

  // `disk` and `layout` must outlive it. `kept` may be null.
  CompressedData(const Disk& disk, const ImageOptions& options, const Layout& layout,
                 std::shared_ptr<const CompressedStore> kept, Surveyed content);
  ~CompressedData();
  CompressedData(const CompressedData&) = delete;
  CompressedData& operator=(const CompressedData&) = delete;

  // How many bytes of compressed data the survey kept.
  [[nodiscard]] std::uint64_t kept() const { return kept_ == nullptr ? 0 : kept_->size(); }

  // Fills `out` with the image's bytes at `offset`. The range must lie in the region of compressed
  // clusters. Any number of threads may call it. Throws Error, kChanged if a cluster does not
  // compress to the size that it has in the layout, or if what is compressed again has another
  // digest.
  void read(HostOffset offset, std::span<std::byte> out) const;

  // As Image::stored_at() and Image::will_read_stored().
  [[nodiscard]] StoredPart stored_at(HostRange range) const;
  void will_read(HostRange range) const noexcept;

 private:
  class Compressor;
  class Lease;
  class KeptCursor;
  struct Piece;

  [[nodiscard]] StoredBlob stored_blob(GuestCluster cluster, std::uint32_t size) const;
  void copy_stored(const Piece& piece, const CompressedLayout::Cursor& at) const;
  void compress(const Piece& piece, const CompressedLayout::Cursor& at, std::uint64_t end,
                Compressor& compressor) const;
  [[noreturn]] void report_change(GuestCluster cluster, std::size_t size,
                                  std::size_t planned) const;

  const Disk& disk_;
  const Layout& layout_;
  const std::optional<Compression> compression_;
  const StoredClusters*
      stored_;  // the clusters go out as they lie there; null: they are compressed
  const std::shared_ptr<const CompressedStore> kept_;
  const Surveyed content_;
  // Compressors that no thread uses just now. There are at most as many as threads.
  mutable std::mutex mutex_;
  mutable std::vector<std::unique_ptr<Compressor>> idle_;
};

}  // namespace qcow2stream
