// SPDX-License-Identifier: GPL-2.0-or-later
//
// What a Disk does if it has only name(), size() and read() of its own.

#include "qcow2stream/disk.h"

#include <cassert>
#include <deque>
#include <utility>

namespace qcow2stream {
namespace {

class OneRunOfData final : public RunCursor {
 public:
  explicit OneRunOfData(GuestRange range) : range_(range) {}

  std::optional<Run> next() override {
    const GuestRange range = std::exchange(range_, {});
    if (range.length == 0) return std::nullopt;
    return Run{.range = range, .holds = Run::Holds::kData};
  }

 private:
  GuestRange range_;
};

class SynchronousQueue final : public RequestQueue {
 public:
  explicit SynchronousQueue(const Disk& disk) : disk_(disk) {}

  void submit(GuestOffset offset, std::span<std::byte> buffer, std::uint64_t tag) override {
    assert(!buffer.empty());
    disk_.read(offset, buffer);
    done_.push_back(tag);
  }

  std::uint64_t wait() override {
    assert(!done_.empty());
    const std::uint64_t tag = done_.front();
    done_.pop_front();
    return tag;
  }

 private:
  const Disk& disk_;
  std::deque<std::uint64_t> done_;
};

}  // namespace

void RequestQueue::submit_probe(GuestRange cluster, std::span<std::byte> buffer,
                                std::uint64_t tag) {
  submit(cluster.begin, buffer, tag);
}

DiskTraits Disk::traits() const {
  return {};
}

std::unique_ptr<RunCursor> Disk::runs(GuestRange range) const {
  return std::make_unique<OneRunOfData>(range);
}

Run Disk::run_at(GuestRange range) const {
  assert(range.length > 0);
  return {.range = range, .holds = Run::Holds::kData};
}

std::unique_ptr<RequestQueue> Disk::queue() const {
  return std::make_unique<SynchronousQueue>(*this);
}

void Disk::will_read(GuestRange /*range*/) const noexcept {}

std::optional<DiskStamp> Disk::stamp() const {
  return std::nullopt;
}

void Disk::check_unchanged() const {}

void check_unchanged(const Disk& disk, const OnChange& on_change) {
  try {
    disk.check_unchanged();
  } catch (const Error& error) {
    if (!on_change || error.kind() != ErrorKind::kChanged || error.offset()) throw;
    on_change(error);
  }
}

const DiskBitmaps* Disk::bitmaps() const {
  return nullptr;
}

const StoredClusters* Disk::stored_clusters() const {
  return nullptr;
}

std::string Disk::id_addition() const {
  return {};
}

std::vector<Caveat> Disk::caveats() const {
  return {};
}

}  // namespace qcow2stream
