// SPDX-License-Identifier: GPL-2.0-or-later
//
// What the top image of a chain holds itself.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <random>

#include "qemu_testing.h"

namespace qcow2stream {
namespace {

using testing::changed_runs;
using testing::error_of;
using testing::installed;
using testing::TestDirectory;

std::vector<std::byte> content(const Disk& disk) {
  std::vector<std::byte> bytes(disk.size());
  disk.read(GuestOffset(0), bytes);
  return bytes;
}

class ShallowTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* program : {"qemu-img", "qemu-io", "qemu-nbd", "qemu-storage-daemon"}) {
      if (!installed(program)) GTEST_SKIP() << program << " is not installed";
    }
  }
  // A base of 8 MiB that is full of data, and a top image on it, to which `writes` went: commands
  // for qemu-io. `base` is moved to `gone` where it shall not be there.
  void make(const std::string& writes, const std::string& options = "",
            const std::string& format = "qcow2", const std::string& size = "") const {
    directory_.run("rm -f gone top; qemu-img create -q -f qcow2 base 8M");
    directory_.run("qemu-io -f qcow2 -c 'write -P 7 0 8M' base");
    directory_.run(
        fmt::format("qemu-img create -q -f {} {} -F qcow2 -b base top {}", format, options, size));
    if (!writes.empty()) directory_.run(fmt::format("qemu-io -f {} {} top", format, writes));
    directory_.run(fmt::format("qemu-img convert -f {} -O raw top flat", format));
  }
  void hide_base() const { directory_.run("mv base gone"); }
  [[nodiscard]] std::string top() const { return directory_.file("top"); }
  Opened open(std::uint64_t cluster_size, const std::string& format = "qcow2") const {
    return open_qemu(top(), format, {.top_image_unit = cluster_size});
  }
  // The bytes of the whole chain.
  [[nodiscard]] std::vector<std::byte> flat() const {
    return content(*open_disk(directory_.file("flat")));
  }
  // Whether what the top image holds is read as the chain has it.
  [[nodiscard]] bool held_is_right(const Opened& source) const {
    const auto wanted = flat();
    const auto bytes = content(*source.disk);
    const auto cursor = source.changes->runs();
    while (const auto change = cursor->next()) {
      if (change->holds == Run::Holds::kBelow) continue;
      const auto begin = static_cast<std::ptrdiff_t>(change->range.begin.value());
      const auto end = static_cast<std::ptrdiff_t>(change->range.end().value());
      if (!std::equal(bytes.begin() + begin, bytes.begin() + end, wanted.begin() + begin))
        return false;
    }
    return bytes.size() == wanted.size();
  }

  TestDirectory directory_;
};

// Zero clusters differ from what is not there, though both lie over data.
TEST_F(ShallowTest, HoldsWhatWasWrittenToIt) {
  make("-c 'write 1M 64k' -c 'write -z 2M 128k' -c 'write 3200k 1k' -c 'discard 5M 64k'");
  const std::string wanted = "1048576+65536c 2097152+131072z 3276800+65536c 5242880+65536z";
  for (const std::uint64_t cluster_size : {512U, 4096U, 65536U}) {
    const auto source = open(cluster_size);
    EXPECT_EQ(changed_runs(source), wanted);
    EXPECT_TRUE(held_is_right(source));
  }
}

TEST_F(ShallowTest, BaseIsNotNeededForClustersOfItsSize) {
  make("-c 'write 1M 64k' -c 'write -z 2M 128k' -c 'write 3200k 1k'");
  hide_base();
  const std::string wanted = "1048576+65536c 2097152+131072z 3276800+65536c";
  const auto source = open(65536);
  EXPECT_EQ(changed_runs(source), wanted);
  EXPECT_TRUE(held_is_right(source));
  EXPECT_EQ(error_of([&] { open(131072); }),
            top() +
                ": cannot be read alone: the top image holds parts of clusters of 131072 bytes, "
                "and its backing file cannot be opened: Could not open '" +
                directory_.file("base") + "': No such file or directory");
}

TEST_F(ShallowTest, LargerClustersAreCompletedFromTheChain) {
  make("-c 'write -P 1 1M 64k' -c 'write -z 2M 128k'");
  const auto source = open(2U << 20);
  EXPECT_EQ(changed_runs(source), "1048576+65536c 2097152+131072z");
  EXPECT_EQ(content(*source.disk), flat());
  EXPECT_EQ(source.disk->stamp(), open_disk(top())->stamp());
  source.disk->check_unchanged();
  directory_.run("echo >>top");
  EXPECT_THROW(source.disk->check_unchanged(), Error);
}

// What counts is what is held: here every 2 MiB are.
TEST_F(ShallowTest, LargerClustersThatAreHeldWholeNeedNoBase) {
  make("-c 'write 2M 2M' -c 'write -z 6M 2M'");
  hide_base();
  const auto source = open(2U << 20);
  EXPECT_EQ(changed_runs(source), "2097152+2097152c 6291456+2097152z");
  EXPECT_TRUE(held_is_right(source));
}

TEST_F(ShallowTest, TopThatHoldsNothingOrAllNeedsNoBase) {
  make("");
  hide_base();
  EXPECT_EQ(changed_runs(open(2U << 20)), "");
  make("-c 'write 0 8M'");
  hide_base();
  EXPECT_EQ(changed_runs(open(2U << 20)), "0+8388608c");
}

TEST_F(ShallowTest, Subclusters) {
  make("-c 'write 1026k 2k' -c 'write -z 2M 4k'", "-o cluster_size=64k,extended_l2=on");
  const std::string wanted = "1050624+2048c 2097152+4096z";
  EXPECT_EQ(changed_runs(open(2048)), wanted);
  EXPECT_EQ(content(*open(65536).disk), flat());
  hide_base();
  EXPECT_EQ(changed_runs(open(2048)), wanted);
  try {
    open(4096);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.advice(), Advice::kSmallerClusters);
    EXPECT_EQ(error.advice_number(), 2048U);
  }
}

TEST_F(ShallowTest, OnlyTheTopImageOfThree) {
  make("-c 'write 1M 64k'");
  directory_.run("mv top middle && qemu-img create -q -f qcow2 -F qcow2 -b middle top");
  directory_.run("qemu-io -c 'write 4M 64k' top");
  EXPECT_EQ(changed_runs(open(65536)), "4194304+65536c");
}

TEST_F(ShallowTest, TopThatIsLargerThanItsBase) {
  make("-c 'write 7M 64k' -c 'write 9M 64k' -c 'write -z 10M 64k'", "", "qcow2", "12M");
  const std::string wanted = "7340032+65536c 9437184+65536c 10485760+65536z";
  EXPECT_EQ(changed_runs(open(65536)), wanted);
  const auto source = open(1U << 20);
  EXPECT_EQ(changed_runs(source), wanted);
  EXPECT_EQ(content(*source.disk), flat());
}

TEST_F(ShallowTest, OtherFormatsWithBackingFiles) {
  for (const std::string format : {"qed", "qcow"}) {
    make("-c 'write 1M 64k'", "", format);
    hide_base();
    EXPECT_EQ(changed_runs(open(4096, format)), "1048576+65536c") << format;
  }
  directory_.run("mv flat top");
  EXPECT_EQ(error_of([&] { open(65536, "raw"); }),
            top() + ": QEMU cannot open it: Parameter 'backing' is unexpected");
}

TEST_F(ShallowTest, NamesThatAreNotUtf8) {
  make("-c 'write 1M 64k'");
  hide_base();
  const std::string path = directory_.file("t,\xff");
  ASSERT_EQ(std::rename(top().c_str(), path.c_str()), 0);
  EXPECT_EQ(changed_runs(open_qemu(path, "qcow2", {.top_image_unit = 65536})), "1048576+65536c");
}

TEST_F(ShallowTest, QemuNbdIsEnough) {
  make("-c 'write 1M 64k' -c 'write -z 2M 64k'");
  directory_.run("qemu-img bitmap --add top b0 && qemu-io -c 'write 4M 64k' top");
  directory_.run("mkdir bin && ln -s $(command -v qemu-nbd) $(command -v qemu-img) bin");
  const char* path = std::getenv("PATH");
  const std::string before = path != nullptr ? path : "";
  ::setenv("PATH", directory_.file("bin").c_str(), 1);
  EXPECT_EQ(changed_runs(open(65536)), "1048576+65536c 2097152+65536z 4194304+65536c");
  EXPECT_EQ(changed_runs(open(131072)), "1048576+65536c 2097152+65536z 4194304+65536c");
  EXPECT_EQ(changed_runs(open_qemu(top(), "qcow2", {.nbd = {.bitmap = "b0"}})), "4194304+65536c");
  ::setenv("PATH", before.c_str(), 1);
}

TEST_F(ShallowTest, RandomWritesAgainstAModel) {
  std::mt19937 random(11);  // NOLINT(cert-msc51-cpp): the same writes every time
  for (int round = 0; round < 5; ++round) {
    const std::uint64_t unit = 4096ULL << (random() % 5);
    const std::uint64_t count = (8U << 20) / unit;
    std::string commands;
    std::map<std::uint64_t, bool> zero;  // of the clusters that are held
    for (int n = 0; n < 20; ++n) {
      const std::uint64_t first = random() % count;
      const std::uint64_t length = 1 + random() % std::min<std::uint64_t>(10, count - first);
      const bool zeros = random() % 2 == 0;
      commands +=
          fmt::format(" -c 'write {} {} {}'", zeros ? "-z" : "", first * unit, length * unit);
      for (auto i = first; i < first + length; ++i) zero[i] = zeros;
    }
    make(commands, fmt::format("-o cluster_size={}", unit));
    const auto source = open(unit << (random() % 3));
    std::map<std::uint64_t, bool> seen;
    const auto cursor = source.changes->runs();
    while (const auto change = cursor->next()) {
      if (change->holds == Run::Holds::kBelow) continue;
      for (std::uint64_t at = 0; at < change->range.length; at += unit) {
        seen[(change->range.begin.value() + at) / unit] = change->holds == Run::Holds::kZeros;
      }
    }
    EXPECT_EQ(seen, zero) << commands;
    EXPECT_TRUE(held_is_right(source)) << commands;
  }
}

}  // namespace
}  // namespace qcow2stream
