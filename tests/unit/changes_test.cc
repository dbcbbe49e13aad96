// SPDX-License-Identifier: GPL-2.0-or-later
//
// Dirty bitmaps: in images, and of servers.

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>
#include <random>

#include "disk/nbd/status.h"
#include "qemu_testing.h"
#include "testing.h"

namespace qcow2stream {
namespace {

using testing::changed_runs;
using testing::error_of;
using testing::installed;
using testing::read_all;
using testing::StorageDaemon;
using testing::TestDirectory;

class ChangesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* program : {"qemu-img", "qemu-io", "qemu-nbd", "qemu-storage-daemon"}) {
      if (!installed(program)) GTEST_SKIP() << program << " is not installed";
    }
  }
  // An image of 8 MiB with data in its second MiB, the bitmap b0 (and b1, which stays clean) made
  // after that, and then `writes`: commands for qemu-io.
  void make(const std::string& writes, const std::string& options = "") const {
    directory_.run("qemu-img create -q -f qcow2 " + options + " d.qcow2 8M");
    directory_.run("qemu-io -c 'write 1M 1M' d.qcow2");
    directory_.run(
        "qemu-img bitmap --add d.qcow2 b0 && qemu-img bitmap --add --disable d.qcow2 b1");
    if (!writes.empty()) directory_.run("qemu-io " + writes + " d.qcow2");
  }
  [[nodiscard]] std::string path() const { return directory_.file("d.qcow2"); }
  [[nodiscard]] std::string node() const {
    return R"({"driver":"qcow2","file":{"driver":"file","filename":")" + path() + R"("}})";
  }

  TestDirectory directory_;
};

TEST_F(ChangesTest, WhatWasWrittenIsChanged) {
  make("-c 'write 1100k 64k' -c 'write -z 2M 128k' -c 'discard 1536k 64k' -c 'write 2047k 1k'");
  const std::string wanted = "1114112+131072c 1572864+65536z 2031616+65536c 2097152+131072z";
  EXPECT_EQ(changed_runs(open_qemu(path(), "qcow2", {.nbd = {.bitmap = "b0"}})), wanted);
  EXPECT_EQ(changed_runs(open_qemu(path(), "qcow2", {.nbd = {.bitmap = "qemu:dirty-bitmap:b0"}})),
            wanted);
  EXPECT_EQ(changed_runs(open_qemu_node(node(), {}, {.bitmap = "b0"})), wanted);
  EXPECT_EQ(changed_runs(open_qemu(path(), "qcow2", {.nbd = {.bitmap = "b1"}})), "");
  const std::vector<std::string> server = {"qemu-nbd", "-r",    "-t", "-e", "8",
                                           "-f",       "qcow2", "-B", "b0", path()};
  EXPECT_EQ(changed_runs(open_nbd_server(server, {.bitmap = "b0"})), wanted);
  EXPECT_EQ(changed_runs(open_nbd_server(server, {.connections = 1, .bitmap = "b0"})), wanted);
}

TEST_F(ChangesTest, TheDiskIsTheSame) {
  make("-c 'write -P 3 100k 64k'");
  const auto disk = open_qemu(path(), "qcow2").disk;
  const auto [with, changes] = open_qemu(path(), "qcow2", {.nbd = {.bitmap = "b0"}});
  EXPECT_EQ(with->size(), disk->size());
  EXPECT_EQ(with->name(), path());
  EXPECT_EQ(with->stamp(), disk->stamp());
  EXPECT_TRUE(with->stamp().has_value());
  EXPECT_EQ(read_all(testing::make_image(with, {})), read_all(testing::make_image(disk, {})));
  with->check_unchanged();
  directory_.run("qemu-img resize -q d.qcow2 16M || touch d.qcow2");
  EXPECT_THROW(with->check_unchanged(), Error);
}

TEST_F(ChangesTest, CursorsAreIndependentAndOutliveTheDisk) {
  make("-c 'write 64k 64k' -c 'write 256k 64k'");
  auto source = open_qemu(path(), "qcow2", {.nbd = {.bitmap = "b0"}});
  const auto cursor = source.changes->runs();
  EXPECT_EQ(cursor->next()->range.length, 65536U);
  EXPECT_EQ(changed_runs(source), "65536+65536c 262144+65536c");
  source.disk.reset();
  EXPECT_EQ(cursor->next()->holds, Run::Holds::kData);
}

TEST_F(ChangesTest, DiskOfMoreThanOneQuestion) {
  directory_.run("qemu-img create -q -f qcow2 d.qcow2 9G && qemu-img bitmap --add d.qcow2 b0");
  directory_.run(
      "qemu-io -c 'write 2097088k 128k' -c 'write -z 5G 1G' -c 'write 9437120k 64k' d.qcow2");
  EXPECT_EQ(changed_runs(open_qemu(path(), "qcow2", {.nbd = {.bitmap = "b0"}})),
            "2147418112+131072c 5368709120+1073741824z 9663610880+65536c");
}

TEST_F(ChangesTest, RandomWritesAgainstAModel) {
  constexpr std::uint64_t kGranularity = 65536;
  std::mt19937 random(7);  // NOLINT(cert-msc51-cpp): the same writes every time
  for (int round = 0; round < 5; ++round) {
    directory_.run("rm -f d.qcow2");
    std::string commands;
    std::map<std::uint64_t, bool> zero;  // of the granules that are dirty
    for (int n = 0; n < 30; ++n) {
      const std::uint64_t first = random() % 128;
      const std::uint64_t count = 1 + random() % std::min<std::uint64_t>(10, 128 - first);
      const bool zeros = random() % 2 == 0;
      commands += fmt::format(" -c 'write {} {}k {}k'", zeros ? "-z" : "", first * 64, count * 64);
      for (auto i = first; i < first + count; ++i) zero[i] = zeros;
    }
    make(commands);
    std::map<std::uint64_t, bool> seen;
    const auto source = open_qemu(path(), "qcow2", {.nbd = {.bitmap = "b0"}});
    const auto cursor = source.changes->runs();
    while (const auto change = cursor->next()) {
      if (change->holds == Run::Holds::kBelow) continue;
      for (std::uint64_t at = 0; at < change->range.length; at += kGranularity) {
        seen[(change->range.begin.value() + at) / kGranularity] =
            change->holds == Run::Holds::kZeros;
      }
    }
    EXPECT_EQ(seen, zero) << commands;
  }
}

TEST_F(ChangesTest, BitmapThatIsNotThere) {
  make("");
  const std::string wanted = ": has no dirty bitmap 'b': there is 'b0', 'b1'";
  EXPECT_EQ(error_of([&] { open_qemu(path(), "qcow2", {.nbd = {.bitmap = "b"}}); }),
            path() + wanted);
  EXPECT_EQ(error_of([&] { open_qemu_node(node(), {}, {.bitmap = "b"}); }),
            "qcow2 block node" + wanted);
  // Images below have bitmaps of their own.
  directory_.run("qemu-img create -q -f qcow2 -F qcow2 -b d.qcow2 top.qcow2");
  const std::string top = directory_.file("top.qcow2");
  EXPECT_EQ(error_of([&] { open_qemu(top, "qcow2", {.nbd = {.bitmap = "b0"}}); }),
            top + ": has no dirty bitmap 'b0': the image has none");
  directory_.run("truncate -s 1M disk.raw");
  const std::string raw = directory_.file("disk.raw");
  EXPECT_EQ(error_of([&] { open_qemu(raw, "raw", {.nbd = {.bitmap = "b0"}}); }),
            raw + ": has no dirty bitmap 'b0': the image has none");
  EXPECT_EQ(error_of([&] { open_qemu(raw, "qcow2", {.nbd = {.bitmap = "b0"}}); }),
            raw + ": QEMU cannot open it: Image is not in qcow2 format");
  EXPECT_THROW(open_qemu(path(), "qcow2", {.nbd = {.bitmap = ""}}), Error);
  EXPECT_EQ(error_of([&] {
              open_qemu(path(), "qcow2", {.nbd = {.bitmap = "b0"}, .top_image_unit = 65536});
            }),
            path() + ": a bitmap and the top image cannot both say what has changed");
  EXPECT_EQ(open_qemu(path(), "qcow2").changes, nullptr);
  EXPECT_THROW(open_qemu(path(), "qcow2", {.nbd = {.bitmap = "b0\xff"}}), Error);
}

TEST_F(ChangesTest, BitmapThatWasNotSaved) {
  make("");
  {
    // Killed while it writes to the image.
    const StorageDaemon daemon(
        directory_, {"--blockdev", R"({"driver":"qcow2","node-name":"d","file":{"driver":"file",)"
                                   R"("filename":")" +
                                       path() + R"("}})"});
  }
  EXPECT_EQ(error_of([&] { open_qemu(path(), "qcow2", {.nbd = {.bitmap = "b0"}}); }),
            path() +
                ": its dirty bitmap 'b0' cannot be used: it was not saved when the image was "
                "last in use, so changes are missing in it");
}

TEST_F(ChangesTest, BitmapOfARunningServer) {
  make("");
  const std::string socket = directory_.file("nbd");
  const StorageDaemon daemon(
      directory_,
      {"--blockdev",
       R"({"driver":"qcow2","node-name":"d","file":{"driver":"file","filename":")" + path() +
           R"("}})",
       "--nbd-server", R"({"addr":{"type":"unix","path":")" + socket + R"("}})", "--export",
       R"({"type":"nbd","id":"w","node-name":"d","name":"w","writable":true})"});
  daemon.execute(
      R"({"execute":"block-dirty-bitmap-add","arguments":{"node":"d","name":"a:live"}})");
  directory_.run(
      "qemu-io -f raw -c 'write 3M 64k' -c 'write -z 4M 64k' -c 'write 1025k 1k' "
      "'nbd+unix:///w?socket=" +
      socket + "'");
  daemon.execute(
      R"({"execute":"block-dirty-bitmap-disable","arguments":{"node":"d","name":"a:live"}})");
  daemon.execute(R"({"execute":"block-export-del","arguments":{"id":"w","mode":"hard"}})");
  daemon.execute(R"({"execute":"block-export-add","arguments":{"type":"nbd","id":"r",)"
                 R"("node-name":"d","name":"r","bitmaps":["a:live","b1"]}})");
  const std::string uri = "nbd+unix:///r?socket=" + socket;
  const std::string wanted = "1048576+65536c 3145728+65536c 4194304+65536z";
  EXPECT_EQ(changed_runs(open_nbd(uri, {.bitmap = "a:live"})), wanted);
  EXPECT_EQ(changed_runs(open_nbd(uri, {.bitmap = "qemu:dirty-bitmap:a:live"})), wanted);
  EXPECT_EQ(changed_runs(open_nbd(uri, {.bitmap = "b1"})), "");
  EXPECT_EQ(error_of([&] { open_nbd(uri, {.bitmap = "live"}); }),
            uri + ": has no dirty bitmap 'live': there is 'a:live', 'b1'");
  EXPECT_EQ(error_of([&] { open_nbd(uri, {.bitmap = "x:live"}); }),
            uri + ": has no dirty bitmap 'x:live': there is 'a:live', 'b1'");
  for (const std::string name : {"", "base:allocation", "qemu:allocation-depth"}) {
    EXPECT_THROW(open_nbd(uri, {.bitmap = name}), Error) << name;
  }
  // The handshake is another one, its errors are the same.
  const std::string other = "nbd+unix:///x?socket=" + socket;
  EXPECT_EQ(error_of([&] { open_nbd(other, {.bitmap = "b1"}); }),
            error_of([&] { open_nbd(other); }));
  const std::string nowhere = "nbd+unix:///x?socket=" + socket + "x";
  EXPECT_EQ(error_of([&] { open_nbd(nowhere, {.bitmap = "b1"}); }),
            error_of([&] { open_nbd(nowhere); }));
}

TEST_F(ChangesTest, ServersWithoutBitmaps) {
  if (!installed("nbdkit")) GTEST_SKIP() << "nbdkit is not installed";
  const auto error = [](const std::vector<std::string>& command) {
    return error_of([&] { open_nbd_server(command, {.bitmap = "b0"}); });
  };
  EXPECT_EQ(error({"nbdkit", "memory", "1M"}),
            "[ nbdkit memory 1M ]: has no dirty bitmap 'b0': the server offers no dirty bitmap");
  EXPECT_EQ(error({"nbdkit", "--no-sr", "memory", "1M"}),
            "[ nbdkit --no-sr memory 1M ]: has no dirty bitmap 'b0': the server knows no metadata "
            "contexts");
  EXPECT_EQ(error({"nbdkit", "--oldstyle", "memory", "1M"}),
            "[ nbdkit --oldstyle memory 1M ]: has no dirty bitmap 'b0': the server knows no "
            "metadata contexts");
  directory_.run("psktool -u user -p keys || echo user:0123456789abcdef >keys");
  const std::vector<std::string> encrypted = {
      "nbdkit", "--tls=require", "--tls-psk=" + directory_.file("keys"), "memory", "1M"};
  EXPECT_EQ(error(encrypted), error_of([&] { open_nbd_server(encrypted); }));
  EXPECT_NE(error({"nbdkit", "no-such-plugin"}).find("no-such-plugin"), std::string::npos);
  EXPECT_EQ(
      error_of([] {
        open_nbd_server({"sleep", "100"}, {.timeout = std::chrono::seconds(1), .bitmap = "b0"});
      }),
      "[ sleep 100 ]: given up: the server has not answered for 1 seconds");
}

// Flags of both contexts for each byte that both cover, by hand.
using Bytes = std::vector<std::array<std::uint32_t, 2>>;

RC_GTEST_PROP(StatusRunsTest, AreMergedAsIfByteByByte, ()) {
  StatusRuns runs;
  const bool two = *rc::gen::arbitrary<bool>();
  std::array<std::vector<std::uint32_t>, 2> flags;
  for (std::size_t i = 0; i < (two ? 2U : 1U); ++i) {
    const auto count = *rc::gen::inRange<std::size_t>(i, 10);
    for (std::size_t n = 0; n < count; ++n) {
      const auto length = *rc::gen::inRange<std::uint64_t>(0, 20);
      const auto value = *rc::gen::inRange<std::uint32_t>(0, 4);
      runs[i].push_back({.length = length, .flags = value});
      flags[i].insert(flags[i].end(), length, value);
    }
  }
  const GuestOffset begin(*rc::gen::inRange<std::uint64_t>(0, 100));
  const GuestRange range{begin + *rc::gen::inRange<std::uint64_t>(0, 20),
                         *rc::gen::inRange<std::uint64_t>(0, 150)};
  if (!two) flags[1].resize(flags[0].size());
  Bytes wanted;
  for (auto at = range.begin; at < range.end(); at += 1) {
    const std::uint64_t i = at - begin;
    if (i >= std::min(flags[0].size(), flags[1].size())) break;
    wanted.push_back({flags[0][i], flags[1][i]});
  }
  Bytes merged;
  for (const BlockStatus& status : merge_status(range, begin, runs)) {
    RC_ASSERT(status.range.begin == range.begin + merged.size());
    RC_ASSERT(status.range.length > 0U);
    merged.insert(merged.end(), status.range.length, status.flags);
  }
  RC_ASSERT(merged == wanted);
}

}  // namespace
}  // namespace qcow2stream
