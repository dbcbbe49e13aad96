// SPDX-License-Identifier: GPL-2.0-or-later

#include "disk/qcow2/chain_stored.h"

#include <algorithm>

namespace qcow2stream {

CompressionType ChainStored::type() const {
  return top().compressed().type();
}

std::uint64_t ChainStored::cluster_size() const {
  return top().header().geometry.cluster_size();
}

std::optional<StoredBlob> ChainStored::find(GuestOffset cluster) const {
  const GuestRange all{cluster, std::min(cluster_size(), top().disk_size() - cluster.value())};
  const ChainPart part = ChainWalk(chain_).part_at(all);
  const bool is_stored = part.kind == ChainPart::Kind::kCompressed && part.range == all &&
                         part.extent.cluster == cluster;
  if (!is_stored || part.image->compressed().type() != type() ||
      part.image->header().geometry.cluster_size() != cluster_size()) {
    return std::nullopt;
  }
  const auto image =
      std::ranges::find(chain_.images, part.image, [](const auto& one) { return one.get(); });
  const HostRange blob = part.extent.blob;
  return StoredBlob{.file = static_cast<std::uint32_t>(image - chain_.images.begin()),
                    .begin = blob.begin,
                    .most = std::min(blob.length, part.image->file().size() - blob.begin.value())};
}

std::optional<std::uint64_t> ChainStored::length(const StoredBlob& blob) const {
  return chain_.images[blob.file]->compressed().blob_length({blob.begin, blob.most});
}

void ChainStored::read(const StoredBlob& blob, std::uint64_t skip, std::span<std::byte> out) const {
  chain_.images[blob.file]->file().read(GuestOffset(blob.begin.value() + skip), out);
}

std::optional<Place> place_in(const Disk& file, const StoredBlob& blob) {
  const Run run = file.run_at({GuestOffset(blob.begin.value()), blob.most});
  if (!run.is_data() || run.range.length < blob.most) return std::nullopt;
  return run.where;
}

std::optional<Place> ChainStored::place(const StoredBlob& blob) const {
  return place_in(chain_.images[blob.file]->file(), blob);
}

void ChainStored::will_read(const StoredBlob& blob) const noexcept {
  chain_.images[blob.file]->file().will_read({GuestOffset(blob.begin.value()), blob.most});
}

}  // namespace qcow2stream
