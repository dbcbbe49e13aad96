// SPDX-License-Identifier: GPL-2.0-or-later

#include <algorithm>
#include <bit>
#include <cassert>
#include <utility>
#include <vector>

#include "disk/wrapped_disk.h"
#include "layout/cluster_map.h"
#include "lists/allocation_list.h"
#include "qcow2/geometry.h"
#include "qcow2stream/survey.h"

namespace qcow2stream {
namespace {

class ListedDisk final : public WrappedDisk {
 public:
  ListedDisk(std::shared_ptr<const Disk> disk, std::shared_ptr<const ClusterMap> map)
      : WrappedDisk(*disk), disk_(std::move(disk)), map_(std::move(map)) {}

  void read(GuestOffset offset, std::span<std::byte> buffer) const override {
    for (GuestRange rest{offset, buffer.size()}; rest.length > 0;) {
      const Alike alike = alike_from(rest);
      const GuestRange part = rest.take_front(alike.length);
      const auto out = buffer.subspan(part.begin - offset, part.length);
      if (alike.is_listed) {
        disk_->read(part.begin, out);
      } else {
        std::ranges::fill(out, std::byte{0});
      }
    }
  }
  [[nodiscard]] DiskTraits traits() const override {
    DiskTraits traits = disk_->traits();
    traits.knows_zeros = true;
    return traits;
  }
  [[nodiscard]] std::unique_ptr<RunCursor> runs(GuestRange range) const override {
    return std::make_unique<ListedRuns>(*this, disk_->runs(range));
  }
  [[nodiscard]] Run run_at(GuestRange range) const override {
    const Alike alike = alike_from(range);
    if (alike.is_listed) return disk_->run_at(range.first(alike.length));
    return {.range = range.first(alike.length), .holds = Run::Holds::kZeros};
  }
  [[nodiscard]] std::unique_ptr<RequestQueue> queue() const override {
    return std::make_unique<ListedQueue>(*this);
  }

 private:
  struct Alike {
    std::uint64_t length = 0;
    bool is_listed = false;
  };

  // How far from the beginning of `range` on all is listed, or nothing is.
  [[nodiscard]] Alike alike_from(GuestRange range) const {
    const GuestCluster first = map_->geometry().cluster(range.begin);
    const GuestCluster listed = map_->next(ClusterKind::kData, first);
    const bool is_listed = listed == first;
    const GuestCluster end = is_listed ? map_->next_other(ClusterKind::kData, first) : listed;
    if (end == map_->end()) return {.length = range.length, .is_listed = is_listed};
    return {.length = std::min(range.length, map_->geometry().offset(end) - range.begin),
            .is_listed = is_listed};
  }

  class ListedRuns final : public RunCursor {
   public:
    ListedRuns(const ListedDisk& owner, std::unique_ptr<RunCursor> runs)
        : owner_(owner), runs_(std::move(runs)) {}

    std::optional<Run> next() override {
      if (rest_.range.length == 0) {
        const auto run = runs_->next();
        if (!run) return std::nullopt;
        rest_ = *run;
      }
      const Alike alike = owner_.alike_from(rest_.range);
      const bool is_data = rest_.is_data() && alike.is_listed;
      return Run{.range = rest_.range.take_front(alike.length), .holds = data_or_zeros(is_data)};
    }

   private:
    const ListedDisk& owner_;
    std::unique_ptr<RunCursor> runs_;
    Run rest_;
  };

  // What is listed as a whole goes to the disk's own queue; few requests are of anything else.
  class ListedQueue final : public RequestQueue {
   public:
    explicit ListedQueue(const ListedDisk& owner) : owner_(owner), queue_(owner.disk_->queue()) {}

    void submit(GuestOffset offset, std::span<std::byte> buffer, std::uint64_t tag) override {
      const Alike alike = owner_.alike_from({offset, buffer.size()});
      if (alike.is_listed && alike.length == buffer.size()) {
        return queue_->submit(offset, buffer, tag);
      }
      owner_.read(offset, buffer);
      done_.push_back(tag);
    }
    void submit_probe(GuestRange cluster, std::span<std::byte> buffer, std::uint64_t tag) override {
      const Alike alike = owner_.alike_from(cluster);
      if (alike.is_listed && alike.length == cluster.length) {
        return queue_->submit_probe(cluster, buffer, tag);
      }
      submit(cluster.begin, buffer, tag);
    }
    std::uint64_t wait() override {
      if (done_.empty()) return queue_->wait();
      const std::uint64_t tag = done_.back();
      done_.pop_back();
      return tag;
    }

   private:
    const ListedDisk& owner_;
    std::unique_ptr<RequestQueue> queue_;
    std::vector<std::uint64_t> done_;
  };

  std::shared_ptr<const Disk> disk_;
  std::shared_ptr<const ClusterMap> map_;
};

}  // namespace

std::shared_ptr<const Disk> listed_disk(std::shared_ptr<const Disk> disk,
                                        const AllocationList& list, std::uint32_t cluster_size) {
  assert(std::has_single_bit(cluster_size));
  const qcow2::Geometry geometry{.cluster_bits =
                                     static_cast<unsigned>(std::countr_zero(cluster_size))};
  auto map = read_allocation_list(list.file, *disk, geometry);
  return std::make_shared<ListedDisk>(std::move(disk), std::move(map));
}

}  // namespace qcow2stream
