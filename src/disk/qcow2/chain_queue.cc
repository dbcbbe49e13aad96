// SPDX-License-Identifier: GPL-2.0-or-later

#include "disk/qcow2/chain_queue.h"

#include <algorithm>
#include <span>

#include "disk/parts_queue.h"
#include "disk/qcow2/part_reading.h"

namespace qcow2stream {
namespace {

class PartsOfChain final : public DiskParts {
 public:
  explicit PartsOfChain(const Qcow2Chain& chain) : chain_(chain), walk_(chain) {}

  DiskPart part_at(GuestRange range) override { return where_it_lies(walk_.part_at(range)); }
  void make(GuestOffset offset, std::span<std::byte> out) override {
    read_part(chain_, walk_.part_at({offset, out.size()}), out);
  }
  // A compressed cluster that no other image hides in part may tell without being decoded, and the
  // beginning of one is enough where more of it is still to be read.
  void make_probe(GuestRange cluster, GuestOffset offset, std::span<std::byte> out) override {
    const ChainPart part = walk_.part_at({offset, cluster.end() - offset});
    const bool is_beginning =
        part.kind == ChainPart::Kind::kCompressed && part.range.begin == part.extent.cluster;
    if (!is_beginning || out.size() >= part.range.length) return make(offset, out);
    const Qcow2CompressedClusters& clusters = part.image->compressed();
    const bool is_whole = part.range.length == part.image->header().geometry.cluster_size();
    if (is_whole && clusters.shows_data(part.extent)) {
      std::ranges::fill(out, std::byte{0xff});
    } else if (!clusters.read_beginning(part.extent, out)) {
      make(offset, out);
    }
  }

 private:
  const Qcow2Chain& chain_;
  ChainWalk walk_;
};

}  // namespace

std::unique_ptr<RequestQueue> make_chain_queue(const Qcow2Chain& chain) {
  return make_parts_queue(std::make_unique<PartsOfChain>(chain));
}

}  // namespace qcow2stream
