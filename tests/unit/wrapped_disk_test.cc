// SPDX-License-Identifier: GPL-2.0-or-later
//
// Disks that are made of another one ask that one as they are asked: whoever only wants to know
// whether a cluster is zeros must not have it decoded.

#include "disk/wrapped_disk.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "c_api/watch.h"
#include "disk/limited_disk.h"
#include "map_testing.h"
#include "qcow2stream/survey.h"
#include "system/rate_limit.h"
#include "testing.h"

namespace qcow2stream {
namespace {

// A MiB of bytes 1, which counts what its queue is asked.
class AskedDisk final : public Disk {
 public:
  [[nodiscard]] const std::string& name() const override { return ones_.name(); }
  [[nodiscard]] std::uint64_t size() const override { return ones_.size(); }
  void read(GuestOffset offset, std::span<std::byte> buffer) const override {
    ones_.read(offset, buffer);
  }
  [[nodiscard]] std::unique_ptr<RequestQueue> queue() const override {
    return std::make_unique<Queue>(*this);
  }
  mutable int reads = 0;
  mutable int probes = 0;

 private:
  class Queue final : public RequestQueue {
   public:
    explicit Queue(const AskedDisk& disk) : disk_(disk), queue_(disk.ones_.queue()) {}
    void submit(GuestOffset offset, std::span<std::byte> buffer, std::uint64_t tag) override {
      ++disk_.reads;
      queue_->submit(offset, buffer, tag);
    }
    void submit_probe(GuestRange cluster, std::span<std::byte> buffer, std::uint64_t tag) override {
      ++disk_.probes;
      queue_->submit_probe(cluster, buffer, tag);
    }
    std::uint64_t wait() override { return queue_->wait(); }

   private:
    const AskedDisk& disk_;
    std::unique_ptr<RequestQueue> queue_;
  };

  testing::MemoryDisk ones_{std::vector<std::byte>(1 << 20, std::byte{1})};
};

void expect_read_and_probe(const Disk& disk, const AskedDisk& asked) {
  std::vector<std::byte> bytes(4096);
  const auto queue = disk.queue();
  queue->submit(GuestOffset(4096), bytes, 1);
  EXPECT_EQ(queue->wait(), 1U);
  EXPECT_EQ(asked.reads, 1);
  EXPECT_EQ(asked.probes, 0);
  queue->submit_probe({GuestOffset(65536), 65536}, bytes, 2);
  EXPECT_EQ(queue->wait(), 2U);
  EXPECT_EQ(asked.reads, 1);
  EXPECT_EQ(asked.probes, 1);
  EXPECT_EQ(bytes.front(), std::byte{1});
}

TEST(WrappedDisk, AsksTheOneInsideAsItIsAsked) {
  const auto asked = std::make_shared<AskedDisk>();
  expect_read_and_probe(WrappedDisk(*asked), *asked);
}

TEST(LimitedDisk, HandsProbesOn) {
  const AskedDisk asked;
  RateLimit limit(1U << 30);
  expect_read_and_probe(LimitedDisk(asked, limit), asked);
}

TEST(CancellableDisk, HandsProbesOn) {
  const AskedDisk asked;
  const c_api::CancelFlag cancelled = false;
  expect_read_and_probe(*c_api::until_cancelled(asked, cancelled), asked);
}

TEST(ListedDisk, HandsProbesOnWhereAllIsListed) {
  const auto asked = std::make_shared<AskedDisk>();
  const testing::TextFile list(R"([{"offset": 0, "length": 196608, "exists": "true"}])");
  const auto disk = listed_disk(asked, AllocationList{.file = list.path()}, 65536);
  expect_read_and_probe(*disk, *asked);
  std::vector<std::byte> bytes(4096, std::byte{9});
  const auto queue = disk->queue();
  queue->submit_probe({GuestOffset(196608), 65536}, bytes, 3);
  EXPECT_EQ(queue->wait(), 3U);
  EXPECT_EQ(asked->probes, 1);
  EXPECT_EQ(bytes, std::vector<std::byte>(4096));
}

}  // namespace
}  // namespace qcow2stream
