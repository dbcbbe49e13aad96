// SPDX-License-Identifier: GPL-2.0-or-later
//
// Clusters that a disk holds compressed already, so that they can go out as they are.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "qcow2stream/compression.h"
#include "qcow2stream/place.h"
#include "qcow2stream/types.h"

namespace qcow2stream {

// The bytes that a cluster is stored in. Who wrote them says only in which sectors they lie, so
// what is behind their end may belong to somebody else.
struct StoredBlob {
  std::uint32_t file = 0;  // which of the disk's files has them
  HostOffset begin;        // in that file
  std::uint64_t most = 0;  // from there to the end of the last sector
};

// All functions are const and may be called by several threads at once.
class StoredClusters {
 public:
  virtual ~StoredClusters() = default;

  // How they are compressed, and how many bytes each of them is of.
  [[nodiscard]] virtual CompressionType type() const = 0;
  [[nodiscard]] virtual std::uint64_t cluster_size() const = 0;
  // Where the cluster lies that begins at `cluster`, a multiple of cluster_size(). Nothing unless
  // all that the disk shows there is one cluster that is stored so. Throws Error.
  [[nodiscard]] virtual std::optional<StoredBlob> find(GuestOffset cluster) const = 0;
  // How many of its bytes the cluster is made of, for every reader. Nothing where that cannot be
  // said. Decodes it. Throws Error.
  [[nodiscard]] virtual std::optional<std::uint64_t> length(const StoredBlob& blob) const = 0;
  // Fills `out` with what begins `skip` bytes behind the beginning, within `most`. Throws Error.
  virtual void read(const StoredBlob& blob, std::uint64_t skip, std::span<std::byte> out) const = 0;
  // Where all of it lies as it is, if the kernel can copy it from there. Default: nowhere.
  [[nodiscard]] virtual std::optional<Place> place(const StoredBlob& /*blob*/) const {
    return std::nullopt;
  }
  // Tells the disk that it will be read soon. Must not wait for the data. Default: does nothing.
  virtual void will_read(const StoredBlob& /*blob*/) const noexcept {}
};

}  // namespace qcow2stream
