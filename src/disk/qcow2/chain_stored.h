// SPDX-License-Identifier: GPL-2.0-or-later
//
// The compressed clusters of a chain that are like those of its topmost image.

#pragma once

#include "disk/qcow2/chain.h"
#include "qcow2stream/stored_clusters.h"

namespace qcow2stream {

// Where in `file`, which has it, all of a blob lies as it is.
[[nodiscard]] std::optional<Place> place_in(const Disk& file, const StoredBlob& blob);

class ChainStored final : public StoredClusters {
 public:
  // The chain must outlive it.
  explicit ChainStored(const Qcow2Chain& chain) : chain_(chain) {}

  [[nodiscard]] CompressionType type() const override;
  [[nodiscard]] std::uint64_t cluster_size() const override;
  [[nodiscard]] std::optional<StoredBlob> find(GuestOffset cluster) const override;
  [[nodiscard]] std::optional<std::uint64_t> length(const StoredBlob& blob) const override;
  void read(const StoredBlob& blob, std::uint64_t skip, std::span<std::byte> out) const override;
  [[nodiscard]] std::optional<Place> place(const StoredBlob& blob) const override;
  void will_read(const StoredBlob& blob) const noexcept override;

 private:
  [[nodiscard]] const Qcow2Image& top() const { return *chain_.images.front(); }

  const Qcow2Chain& chain_;
};

}  // namespace qcow2stream
