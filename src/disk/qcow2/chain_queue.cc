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
  // A compressed cluster that no other image hides in part may tell without being decoded.
  void make_probe(GuestRange cluster, GuestOffset offset, std::span<std::byte> out) override {
    const ChainPart part = walk_.part_at({offset, cluster.end() - offset});
    const bool is_whole = part.kind == ChainPart::Kind::kCompressed &&
                          part.range.begin == part.extent.cluster &&
                          part.range.length == part.image->header().geometry.cluster_size();
    if (is_whole && part.image->compressed().shows_data(part.extent)) {
      std::ranges::fill(out, std::byte{0xff});
    } else {
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
