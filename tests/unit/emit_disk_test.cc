// SPDX-License-Identifier: GPL-2.0-or-later
//
// A disk that goes out as it is: any range of it, filled up to whole sectors, without a look at
// what it says is zeros.

#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "qcow2stream/emit.h"
#include "testing.h"

namespace qcow2stream {
namespace {

class CollectingSink final : public Sink {
 public:
  [[nodiscard]] const std::string& name() const override { return name_; }
  void check(std::uint64_t /*length*/, bool /*flush*/) const override {}
  [[nodiscard]] bool wants_image_id() const override { return true; }
  void begin(const Announcement& announcement) override { announced = announcement; }
  std::size_t write(std::span<const std::byte> bytes) override {
    taken.insert(taken.end(), bytes.begin(), bytes.end());
    return bytes.size();
  }
  void flush() override {}
  void finish() override { is_finished = true; }

  Announcement announced;
  std::vector<std::byte> taken;
  bool is_finished = false;

 private:
  std::string name_ = "collected";
};

// Every other 100,000 bytes are zeros, which cannot be read.
class StripedDisk final : public Disk {
 public:
  static constexpr std::uint64_t kStripe = 100'000;

  [[nodiscard]] const std::string& name() const override { return name_; }
  [[nodiscard]] std::uint64_t size() const override { return 1'234'567; }
  void read(GuestOffset offset, std::span<std::byte> buffer) const override {
    for (std::uint64_t at = offset.value(); std::byte & byte : buffer) {
      byte = expected(at);
      if (byte == std::byte{0}) throw Error(ErrorKind::kFailed, name_, "read of zeros", "");
      ++at;
    }
  }
  [[nodiscard]] DiskTraits traits() const override {
    return {.knows_zeros = true, .request_size = 30'000};
  }
  [[nodiscard]] std::unique_ptr<RunCursor> runs(GuestRange range) const override {
    class Cursor final : public RunCursor {
     public:
      explicit Cursor(GuestRange range) : rest_(range) {}
      std::optional<Run> next() override {
        if (rest_.length == 0) return std::nullopt;
        const std::uint64_t begin = rest_.begin.value();
        const GuestRange range = rest_.take_front(kStripe - begin % kStripe);
        return Run{.range = range, .holds = data_or_zeros(begin / kStripe % 2 == 0)};
      }

     private:
      GuestRange rest_;
    };
    return std::make_unique<Cursor>(range);
  }

  static std::byte expected(std::uint64_t at) {
    return at / kStripe % 2 == 0 ? static_cast<std::byte>(1 + at % 251) : std::byte{0};
  }

 private:
  std::string name_ = "striped";
};

TEST(EmitDisk, GivesAnyRangeInWholeSectors) {
  const StripedDisk disk;
  const std::uint64_t size = emitted_size(disk);
  EXPECT_EQ(size, 1'234'944U);
  for (const auto& [begin, length] :
       std::vector<std::pair<std::uint64_t, std::uint64_t>>{{0, size},
                                                            {0, 1},
                                                            {99'999, 2},
                                                            {150'000, 500'000},
                                                            {1'234'000, 944},
                                                            {size, 0},
                                                            {1'234'567, 377}}) {
    CollectingSink sink;
    emit_disk(disk, {HostOffset(begin), length}, sink);
    EXPECT_TRUE(sink.is_finished);
    EXPECT_EQ(sink.announced.length, length);
    EXPECT_EQ(sink.announced.image_id, "");
    ASSERT_EQ(sink.taken.size(), length) << begin;
    for (std::uint64_t i = 0; i < length; ++i) {
      const std::uint64_t at = begin + i;
      ASSERT_EQ(sink.taken[i], at < disk.size() ? StripedDisk::expected(at) : std::byte{0}) << at;
    }
  }
}

TEST(EmitDisk, RefusesWhatLiesBehindItsEnd) {
  const StripedDisk disk;
  CollectingSink sink;
  EXPECT_THROW(emit_disk(disk, {HostOffset(emitted_size(disk)), 1}, sink), Error);
  EXPECT_THROW(emit_disk(disk, {HostOffset(0), emitted_size(disk) + 1}, sink), Error);
  EXPECT_TRUE(sink.taken.empty());
}

TEST(EmitDisk, KeepsToARate) {
  const testing::MemoryDisk disk(std::vector<std::byte>(300'000, std::byte{1}));
  CollectingSink sink;
  const auto begin = std::chrono::steady_clock::now();
  emit_disk(disk, {HostOffset(0), 299'520}, sink, {.most_per_second = 1'000'000});
  const auto time = std::chrono::steady_clock::now() - begin;
  EXPECT_EQ(sink.taken.size(), 299'520U);
  // All but the first piece of it, of a sixteenth of a second, has waited.
  EXPECT_GE(time, std::chrono::milliseconds(200));
}

}  // namespace
}  // namespace qcow2stream
