// SPDX-License-Identifier: GPL-2.0-or-later

#include "layout/cluster_map_encoding.h"

#include <algorithm>
#include <cstdint>
#include <optional>

#include "layout/cluster_map_builder.h"
#include "qcow2/limits.h"

namespace qcow2stream {
namespace {

constexpr std::uint64_t kDivided = 3;  // the codes below are those of ClusterKind
constexpr unsigned kCodes = 4;

// Compressed clusters that are handed to the builder at once.
constexpr std::size_t kBatch = 1 << 16;

void put(std::vector<std::byte>& out, std::uint64_t number) {
  for (; number >= 0x80; number >>= 7) out.push_back(static_cast<std::byte>(number | 0x80));
  out.push_back(static_cast<std::byte>(number));
}

class Decoder {
 public:
  Decoder(std::span<const std::byte> bytes, const qcow2::Geometry& geometry,
          ClusterCount guest_clusters)
      : rest_(bytes),
        geometry_(geometry),
        guest_clusters_(guest_clusters),
        map_(geometry, guest_clusters) {}

  std::shared_ptr<const ClusterMap> decode() {
    while (!rest_.empty()) {
      if (!decode_run()) return nullptr;
    }
    return map_.finish();
  }

 private:
  // The next number. Nothing if the bytes end before it does, if it has more than 64 bits, or if it
  // could have been written in fewer bytes.
  std::optional<std::uint64_t> get() {
    std::uint64_t number = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      if (rest_.empty()) return std::nullopt;
      const auto byte = std::to_integer<std::uint64_t>(rest_.front());
      rest_ = rest_.subspan(1);
      const std::uint64_t bits = byte & 0x7f;
      if ((bits << shift) >> shift != bits) return std::nullopt;
      number |= bits << shift;
      if (byte < 0x80) return bits == 0 && shift > 0 ? std::nullopt : std::optional(number);
    }
    return std::nullopt;
  }

  bool decode_run() {
    const auto gap = get();
    const auto what = get();
    if (!gap || !what || *gap > guest_clusters_ - at_) return false;
    at_ += *gap;
    const std::uint64_t code = *what % kCodes;
    const ClusterCount length = *what / kCodes;
    if (length == 0 || length > guest_clusters_ - at_) return false;
    const GuestCluster first(at_);
    at_ += length;
    if (code == kDivided) return length == 1 && decode_divided(first);
    const auto kind = static_cast<ClusterKind>(code);
    if (kind == ClusterKind::kCompressed) return decode_compressed(first, length);
    map_.mark(kind, first, length);
    return true;
  }

  bool decode_compressed(GuestCluster first, ClusterCount length) {
    std::vector<CompressedCluster> batch;
    for (ClusterCount i = 0; i < length; ++i) {
      const auto size = get();
      if (!size || *size == 0 || *size >= geometry_.cluster_size()) return false;
      batch.push_back({first + i, static_cast<std::uint32_t>(*size)});
      if (batch.size() == kBatch || i + 1 == length) {
        map_.mark_compressed(batch);
        batch.clear();
      }
    }
    return true;
  }

  bool decode_divided(GuestCluster cluster) {
    const auto entry = get();
    if (!entry || *entry == 0 || !geometry_.extended_l2) return false;
    // A subcluster cannot be both allocated and zero.
    if ((*entry & (*entry >> qcow2::kSubclusters) & 0xffffffff) != 0) return false;
    map_.mark_divided(cluster, *entry);
    return true;
  }

  std::span<const std::byte> rest_;
  const qcow2::Geometry geometry_;
  const ClusterCount guest_clusters_;
  ClusterCount at_ = 0;  // where the last run ended
  ClusterMapBuilder map_;
};

}  // namespace

std::vector<std::byte> encode_cluster_map(const ClusterMap& map) {
  std::vector<std::byte> out;
  std::uint64_t rank = 0;  // of the next compressed cluster
  GuestCluster end(0);     // of the last run
  for (GuestCluster at = map.next_mapped(end); at < map.end(); at = map.next_mapped(end)) {
    put(out, at - end);
    const GuestCluster divided = map.next_divided(at);
    if (divided == at) {
      put(out, kCodes + kDivided);
      put(out, map.subclusters(at));
      end = at + 1;
      continue;
    }
    const ClusterKind kind = *map.kind_of(at);
    end = std::min(map.next_other(kind, at), divided);
    put(out, (end - at) * kCodes + static_cast<std::uint64_t>(kind));
    if (kind != ClusterKind::kCompressed) continue;
    for (; at < end; at += 1) put(out, map.compressed_sizes()[rank++]);
  }
  return out;
}

std::shared_ptr<const ClusterMap> decode_cluster_map(std::span<const std::byte> bytes,
                                                     const qcow2::Geometry& geometry,
                                                     ClusterCount guest_clusters) {
  return Decoder(bytes, geometry, guest_clusters).decode();
}

}  // namespace qcow2stream
