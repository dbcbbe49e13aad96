// SPDX-License-Identifier: GPL-2.0-or-later
//
// The planner against a model of its own. The input says what each cluster of a disk is and how
// small it gets; from that a map, a layout and all tables are made. Then the tables are followed as
// a reader does, and everything that they say is compared with the model: kinds, places, sizes,
// and each refcount with the references that were counted on the way.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "image/metadata.h"
#include "image_walker.h"
#include "layout/layout.h"
#include "plan_model.h"
#include "qcow2stream/error.h"

namespace qcow2stream::fuzz {
namespace {

// All of the image before its data clusters.
std::vector<std::byte> metadata_of(const Layout& layout, Input& input) {
  const Metadata metadata(layout);
  std::vector<std::byte> bytes;
  for (const Region& region : layout.regions()) {
    if (region.kind >= RegionKind::kDataClusters) break;
    bytes.resize(region.range.end().value(), std::byte{0xee});
    metadata.generate(region.range.begin, std::span(bytes).subspan(region.range.begin.value()));
  }
  // A piece of a region that is made alone is the same piece.
  const std::uint64_t from = input.number() % bytes.size();
  const Region& region = layout.region_at(HostOffset(from));
  const std::uint64_t most = std::min<std::uint64_t>(region.range.end().value() - from, 70'000);
  std::vector<std::byte> piece(1 + input.number() % most, std::byte{0xee});
  metadata.generate(HostOffset(from), piece);
  require(std::ranges::equal(piece, std::span(bytes).subspan(from, piece.size())), "a piece");
  return bytes;
}

class Checker {
 public:
  Checker(const Plan& plan, const Layout& layout)
      : plan_(plan),
        layout_(layout),
        compressed_(layout.compressed_begin().value()),
        most_references_(
            plan.options.refcount_bits >= 32 ? ~0ULL : (1ULL << plan.options.refcount_bits) - 1) {
    for (const Region& region : layout.regions()) {
      if (region.kind == RegionKind::kDataClusters) data_ = region.range.begin.value();
    }
  }

  void check(std::span<const std::byte> metadata) {
    testing::ImageWalker walker(metadata, layout_.image_size());
    std::uint64_t next = 0;
    walker.walk([&](GuestCluster cluster, std::uint64_t entry, std::uint64_t subclusters) {
      for (; next < cluster.value(); ++next) require(!plan_.kinds[next], "nothing is lost");
      ++next;
      check_entry(cluster, entry, subclusters);
    });
    for (; next < plan_.kinds.size(); ++next) require(!plan_.kinds[next], "nothing at the end");
    walker.check_refcounts();
    if (last_ > 0) require(layout_.image_size() == (compressed_ + 511) / 512 * 512, "the end");
  }

 private:
  void check_entry(GuestCluster cluster, std::uint64_t entry, std::uint64_t subclusters) {
    const auto kind = plan_.kinds[cluster.value()];
    require(kind.has_value(), "an entry for nothing");
    const bool extended = plan_.options.extended_l2;
    const bool packed = (entry & qcow2::kCompressedFlag) != 0;
    require(packed == (kind == ClusterKind::kCompressed), "compressed or not");
    if (packed) return check_packed(entry, plan_.sizes[cluster.value()]);
    if (kind == ClusterKind::kData) {
      const std::uint64_t place = plan_.options.data_file ? cluster.value() : ranks_++;
      require(qcow2::entry_offset(entry).value() == data_ + place * plan_.options.cluster_size,
              "the place of data");
      require(subclusters == (extended ? qcow2::kAllSubclustersAllocated : 0), "subclusters");
    } else if (plan_.options.version == 3) {
      require(entry == (extended ? 0 : qcow2::kZeroEntry), "a zero cluster");
      require(subclusters == (extended ? qcow2::kAllSubclustersZero : 0), "zero subclusters");
    }
  }

  // Directly behind the one before it, or in a new host cluster if the old one is full.
  void check_packed(std::uint64_t entry, std::uint64_t size) {
    const std::uint64_t host = plan_.options.cluster_size;
    const auto bits = layout_.geometry().cluster_bits;
    const std::uint64_t begin = qcow2::decode_compressed_entry(entry, bits).begin.value();
    // What the host cluster has in which the one before it ended.
    const std::uint64_t references = compressed_ % host == 0 ? 0 : last_;
    const bool full = references == most_references_;
    const std::uint64_t place = full ? (compressed_ + host - 1) / host * host : compressed_;
    require(begin == place, "the place of compressed data");
    const std::uint64_t end = begin + size;
    require(entry == qcow2::encode_compressed_entry(HostOffset(begin), size, bits), "the entry");
    const bool fresh = full || begin % host == 0;
    last_ = (end - 1) / host != begin / host ? 1 : (fresh ? 0 : references) + 1;
    compressed_ = end;
  }

  const Plan& plan_;
  const Layout& layout_;
  std::uint64_t data_ = 0;
  ClusterCount ranks_ = 0;
  std::uint64_t compressed_;  // where the last one's data ends
  std::uint64_t last_ = 0;    // references to the host cluster in which it ends
  std::uint64_t most_references_;
};

void check(Input& input) {
  const Plan plan = read_plan(input);
  try {
    const Layout layout("disk", plan.disk_size(), plan.options, map_of(plan));
    const auto metadata = metadata_of(layout, input);
    Checker(plan, layout).check(metadata);
  } catch (const Error& error) {
    require(error.kind() == ErrorKind::kFailed, error.what());  // over a limit
  }
}

}  // namespace
}  // namespace qcow2stream::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return qcow2stream::fuzz::run("plan", [&] {
    qcow2stream::fuzz::Input input({data, size});
    qcow2stream::fuzz::check(input);
  });
}
