// SPDX-License-Identifier: GPL-2.0-or-later
//
// Block devices: loop devices over files.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <optional>
#include <thread>

#include "qcow2stream/error.h"
#include "qcow2stream/target.h"
#include "system/child.h"
#include "target/held_ends.h"
#include "target/target_descriptor.h"
#include "target/zeroing.h"
#include "target_testing.h"

namespace qcow2stream {
namespace {

using testing::Bytes;
using testing::error_of;
using testing::kMiB;
using testing::random_bytes;
using testing::read_file;
using testing::read_target;

// A loop device over a file. Goes away with the object.
class LoopDevice {
 public:
  LoopDevice(const std::string& file, unsigned sector_size)
      : path_(run_to_end(
            {.command = {"losetup", "-f", "--show", "-b", std::to_string(sector_size), file}})) {
    while (path_.ends_with('\n')) path_.pop_back();
  }
  ~LoopDevice() {
    if (exists()) run_to_end({.command = {"losetup", "-d", path_}});
  }
  LoopDevice(const LoopDevice&) = delete;
  LoopDevice& operator=(const LoopDevice&) = delete;

  // Otherwise the path is what losetup says.
  [[nodiscard]] bool exists() const { return path_.starts_with("/dev/"); }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

class DeviceTargetTest : public ::testing::TestWithParam<unsigned> {
 protected:
  static constexpr std::uint64_t kSize = 8 * kMiB;

  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root: loop devices";
    file_ = directory_.file("disk");
    testing::write_file(file_, random_bytes(kSize, 1));
    loop_.emplace(file_, GetParam());
    if (!loop_->exists()) GTEST_SKIP() << "no loop device: " << loop_->path();
  }

  // What is on the device, past its cache.
  [[nodiscard]] Bytes content() const {
    const auto target =
        open_target(loop_->path(), {.use = TargetUse::kReadOnly, .force_share = true});
    target->drop_cache();
    return read_target(*target, 0, kSize);
  }

  testing::TestDirectory directory_;
  std::string file_;
  std::optional<LoopDevice> loop_;
};

INSTANTIATE_TEST_SUITE_P(Sectors, DeviceTargetTest, ::testing::Values(512U, 4096U));

TEST_P(DeviceTargetTest, OddPiecesAreWrittenAndRead) {
  Bytes wanted = random_bytes(kSize, 1);
  const auto target = open_target(loop_->path());
  EXPECT_EQ(target->traits().size, kSize);
  EXPECT_EQ(target->traits().block_size, GetParam());
  EXPECT_TRUE(target->traits().keeps_failures);
  EXPECT_FALSE(target->traits().reads_as_zeros);
  target->set_size(kSize);
  for (const std::uint64_t begin : {std::uint64_t{0}, kMiB + 1, kSize - 70'001}) {
    const Bytes bytes = random_bytes(70'001, static_cast<unsigned>(begin));
    target->write(GuestOffset(begin), bytes);
    std::ranges::copy(bytes, wanted.begin() + static_cast<std::ptrdiff_t>(begin));
  }
  EXPECT_EQ(read_target(*target, 0, kSize), wanted);
  target->finish();
  target->drop_cache();
  EXPECT_EQ(read_target(*target, 0, kSize), wanted);
  EXPECT_EQ(content(), wanted);
}

TEST_P(DeviceTargetTest, ZerosAtOddPlacesKeepAThinTargetThin) {
  Bytes wanted = random_bytes(kSize, 1);
  const auto target = open_target(loop_->path());
  target->set_size(kSize);
  const auto zero = [&](std::uint64_t begin, std::uint64_t length) {
    target->zero({GuestOffset(begin), length});
    std::fill_n(wanted.begin() + static_cast<std::ptrdiff_t>(begin), length, std::byte{0});
    EXPECT_EQ(read_target(*target, 0, kSize), wanted) << begin;
  };
  zero(1, 1);
  zero(5000, 100'001);
  zero(2 * kMiB - 1, 4 * kMiB + 2);
  zero(kSize - 4097, 4097);
  target->finish();
  EXPECT_EQ(content(), wanted);
  EXPECT_LT(testing::allocated_bytes(file_), 4 * kMiB + kMiB / 2);
}

TEST_P(DeviceTargetTest, ZerosBesideDataThatIsStillInTheCache) {
  Bytes wanted = random_bytes(kSize, 1);
  const auto target = open_target(loop_->path());
  target->set_size(kSize);
  const Bytes data = random_bytes(kMiB, 7);
  for (std::uint64_t at = 0; at < kMiB; at += 2000) {
    const std::uint64_t n = std::min<std::uint64_t>(1000, kMiB - at);
    target->write(GuestOffset(at), std::span(data).subspan(at, n));
    std::copy_n(data.begin() + static_cast<std::ptrdiff_t>(at), n,
                wanted.begin() + static_cast<std::ptrdiff_t>(at));
    const std::uint64_t end = std::min(at + 2000, kMiB);
    if (at + n < end) target->zero({GuestOffset(at + n), end - at - n});
    std::fill(wanted.begin() + static_cast<std::ptrdiff_t>(at + n),
              wanted.begin() + static_cast<std::ptrdiff_t>(end), std::byte{0});
  }
  target->finish();
  EXPECT_EQ(content(), wanted);
}

TEST_P(DeviceTargetTest, TheKernelZeroesWhatCannotBePunched) {
  Bytes wanted = random_bytes(kSize, 1);
  {
    const TargetDescriptor descriptor(UniqueFd(::open(loop_->path().c_str(), O_RDWR | O_CLOEXEC)),
                                      loop_->path());
    const std::array methods = {ZeroMethod::kZeroOut};
    Zeroing zeroing(descriptor, methods, GetParam());
    zeroing.zero({GuestOffset(10'001), 3 * kMiB});
    std::fill_n(wanted.begin() + 10'001, 3 * kMiB, std::byte{0});
    descriptor.flush();
  }
  EXPECT_EQ(content(), wanted);
}

TEST_P(DeviceTargetTest, ADeviceThatIsInUseIsRefused) {
  const auto target = open_target(loop_->path());
  EXPECT_EQ(error_of([&] { open_target(loop_->path(), {.use = TargetUse::kChange}); }),
            loop_->path() + ": is in use: it is mounted, or part of another device");
}

TEST_P(DeviceTargetTest, ASmallerDeviceIsRefused) {
  const auto target = open_target(loop_->path());
  EXPECT_EQ(
      error_of([&] { target->set_size(kSize + 512); }),
      loop_->path() + ": is too small: the disk has 8389120 bytes, there is room for 8388608");
  EXPECT_EQ(content(), random_bytes(kSize, 1));
}

TEST_P(DeviceTargetTest, HeldEndsOfADevice) {
  const auto target = open_target(loop_->path());
  HeldEnds held(*target);
  held.set_size(kSize - kMiB / 2);
  Bytes wanted = random_bytes(kSize, 1);
  const Bytes disk = random_bytes(kSize - kMiB / 2, 2);
  held.write(GuestOffset(0), disk);
  const Bytes before = content();
  EXPECT_EQ(Bytes(before.begin(), before.begin() + kMiB), Bytes(kMiB));
  EXPECT_EQ(Bytes(before.end() - kMiB, before.end()), Bytes(kMiB));
  held.finish();
  std::ranges::copy(disk, wanted.begin());
  EXPECT_EQ(content(), wanted);
}

TEST_P(DeviceTargetTest, SeveralThreadsWriteAndZero) {
  Bytes wanted = random_bytes(kSize, 1);
  const Bytes data = random_bytes(kSize, 2);
  const auto target = open_target(loop_->path());
  target->set_size(kSize);
  constexpr std::uint64_t kPiece = 100'000;
  {
    std::vector<std::jthread> threads;
    for (std::uint64_t first = 0; first < 4; ++first) {
      threads.emplace_back([&, first] {
        for (std::uint64_t n = first; n * kPiece < kSize; n += 4) {
          const std::uint64_t begin = n * kPiece;
          const std::uint64_t length = std::min(kPiece, kSize - begin);
          const auto place = wanted.begin() + static_cast<std::ptrdiff_t>(begin);
          if (n % 3 == 0) {
            target->zero({GuestOffset(begin), length});
            std::fill_n(place, length, std::byte{0});
          } else {
            const auto bytes = std::span(data).subspan(begin, length);
            target->write(GuestOffset(begin), bytes);
            std::ranges::copy(bytes, place);
          }
        }
      });
    }
  }
  target->finish();
  EXPECT_EQ(content(), wanted);
}

}  // namespace
}  // namespace qcow2stream
