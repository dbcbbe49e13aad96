// SPDX-License-Identifier: GPL-2.0-or-later

#include "map_check.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <memory>

#include "input.h"
#include "layout/layout.h"
#include "lists/allocation_list.h"
#include "lists/changed_list.h"
#include "map_testing.h"
#include "qcow2stream/error.h"
#include "system/fd.h"

namespace qcow2stream::fuzz {
namespace {

// A sector that is not complete, and a cluster.
constexpr std::uint64_t kDiskSize = 100'000;
constexpr std::size_t kMostInPipe = 60'000;

// A map says it all: nothing is read.
class NoDisk final : public Disk {
 public:
  [[nodiscard]] const std::string& name() const override { return name_; }
  [[nodiscard]] std::uint64_t size() const override { return kDiskSize; }
  void read(GuestOffset /*offset*/, std::span<std::byte> /*buffer*/) const override {
    require(false, "a map is no reason to read the disk");
  }

 private:
  std::string name_ = "disk";
};

using Map = std::shared_ptr<const ClusterMap>;

// Null where it is refused.
Map read_map(const std::string& path, Meaning meaning, const qcow2::Geometry& geometry) {
  try {
    const NoDisk disk;
    return meaning == Meaning::kAllocated ? read_allocation_list(path, disk, geometry)
                                          : read_changed_list(path, disk, geometry);
  } catch (const Error& error) {
    require(error.kind() == ErrorKind::kFailed, "the kind of the error");
    const std::string what = error.what();
    require(what.starts_with(path + ": "), "the name in: " + what);
    return nullptr;
  }
}

Map read_from_pipe(const std::string& text, Meaning meaning, const qcow2::Geometry& geometry) {
  std::array<int, 2> ends{};
  require(::pipe2(ends.data(), O_CLOEXEC) == 0, "pipe");
  const UniqueFd out(ends[0]);
  UniqueFd in(ends[1]);
  const auto written = ::write(in.get(), text.data(), text.size());
  require(written == static_cast<ssize_t>(text.size()), "write");
  in = UniqueFd();
  return read_map("/proc/self/fd/" + std::to_string(out.get()), meaning, geometry);
}

// What a cluster is; zeros in pieces that come in any order need not be seen.
bool is_right(std::optional<ClusterKind> kind, std::span<const Paint> bytes, bool sorted) {
  const auto has = [&](Paint color) { return std::ranges::count(bytes, color) > 0; };
  if (!has(Paint::kChanged) && !has(Paint::kZero)) return !kind;
  const auto zeros = static_cast<std::size_t>(std::ranges::count(bytes, Paint::kZero));
  if (zeros < bytes.size()) return kind == ClusterKind::kData;
  return kind == ClusterKind::kZero || (kind == ClusterKind::kData && !sorted);
}

void check_clusters(const ClusterMap& map, const Painting& painting, std::uint64_t cluster_size) {
  const std::uint64_t size = painting.bytes.size();
  require(map.guest_clusters() == (size + cluster_size - 1) / cluster_size, "clusters");
  for (std::uint64_t i = 0; i < map.guest_clusters(); ++i) {
    const std::uint64_t begin = i * cluster_size;
    const auto bytes =
        std::span(painting.bytes).subspan(begin, std::min(cluster_size, size - begin));
    require(is_right(map.kind_of(GuestCluster(i)), bytes, painting.sorted),
            "cluster " + std::to_string(i));
  }
}

}  // namespace

void check_map(const std::string& text, Meaning meaning) {
  const auto painting = paint(text, meaning, kDiskSize);
  const testing::TextFile file(text);
  for (const std::uint32_t cluster_size : {512U, 16384U}) {
    const qcow2::Geometry geometry = geometry_of({.cluster_size = cluster_size});
    const Map map = read_map(file.path(), meaning, geometry);
    require((map != nullptr) == painting.has_value(),
            map != nullptr ? "taken, and wrong" : "refused, and right");
    if (map) check_clusters(*map, *painting, cluster_size);
    if (text.size() > kMostInPipe) continue;
    const Map piped = read_from_pipe(text, meaning, geometry);
    require((piped != nullptr) == (map != nullptr), "a pipe");
    if (piped) check_clusters(*piped, *painting, cluster_size);
  }
}

}  // namespace qcow2stream::fuzz
