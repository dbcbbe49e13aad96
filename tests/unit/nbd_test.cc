// SPDX-License-Identifier: GPL-2.0-or-later
//
// Disks behind NBD, served by nbdkit and QEMU.

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "qcow2stream/file.h"
#include "qcow2stream/nbd.h"
#include "qcow2stream/qemu.h"
#include "qemu_testing.h"
#include "testing.h"

namespace qcow2stream {
namespace {

using testing::installed;
using testing::make_image;
using testing::read_all;

class NbdTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!installed("nbdkit")) GTEST_SKIP() << "nbdkit is not installed";
    std::string path = ::testing::TempDir() + "/nbd-test-XXXXXX";
    const int fd = ::mkstemp(path.data());
    ASSERT_GE(fd, 0);
    path_ = path;
    std::vector<std::byte> bytes(7'000'064);
    for (std::size_t i = 1'000'000; i < 3'000'000; ++i) bytes[i] = static_cast<std::byte>(i % 251);
    bytes.back() = std::byte{1};
    ASSERT_EQ(::write(fd, bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
    ::close(fd);
    wanted_ = read_all(make_image(open_disk(path_), {}));
  }
  void TearDown() override {
    if (!path_.empty()) ::unlink(path_.c_str());
  }

  std::string path_;
  std::vector<std::byte> wanted_;
};

TEST_F(NbdTest, SameImageAsFromTheFile) {
  const auto disk = open_nbd_server({"nbdkit", "-r", "file", path_}).disk;
  EXPECT_EQ(read_all(make_image(disk, {})), wanted_);
}

TEST_F(NbdTest, SameImageFromAServerThatReadsBlocksOnly) {
  const auto disk = open_nbd_server({"nbdkit", "-r", "--filter=blocksize-policy", "file", path_,
                                     "blocksize-minimum=64", "blocksize-preferred=4096",
                                     "blocksize-maximum=32M", "blocksize-error-policy=error"})
                        .disk;
  const Image image = make_image(disk, {});
  ASSERT_EQ(image.size(), wanted_.size());
  for (const std::uint64_t step : {77'777U, 1'000'003U}) {
    std::vector<std::byte> bytes(wanted_.size());
    for (std::uint64_t at = 0; at < bytes.size(); at += step) {
      const auto n = std::min<std::uint64_t>(step, bytes.size() - at);
      image.read(HostOffset(at), std::span(bytes).subspan(at, n));
    }
    EXPECT_EQ(bytes, wanted_) << step;
  }
}

TEST_F(NbdTest, WhatTheProgramSaysIsTheReason) {
  try {
    open_nbd_server({"nbdkit", "no-such-plugin"});
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("no-such-plugin"), std::string::npos) << error.what();
  }
  EXPECT_THROW(open_nbd_server({"/no/such/program"}), Error);
}

TEST_F(NbdTest, SilentServerIsGivenUp) {
  // Accepts and never says a word.
  try {
    open_nbd_server({"sleep", "100"}, {.timeout = std::chrono::seconds(1)});
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("has not answered for 1 seconds"), std::string::npos)
        << error.what();
  }
}

TEST_F(NbdTest, FormatsThatQemuReadsGiveTheImageOfTheRawDisk) {
  if (!installed("qemu-img") || !installed("qemu-nbd")) GTEST_SKIP() << "QEMU is not installed";
  for (const std::string format : {"qcow2", "vmdk", "vdi", "vhdx", "qed", "parallels"}) {
    const std::string converted = fmt::format("{},{}", path_, format);
    const std::string command =
        fmt::format("qemu-img convert -f raw -O {} '{}' '{}'", format, path_, converted);
    ASSERT_EQ(std::system(command.c_str()), 0);
    EXPECT_EQ(probe_format(converted), format);
    EXPECT_EQ(read_all(make_image(open_qemu(converted, format).disk, {})), wanted_) << format;
    ::unlink(converted.c_str());
  }
  try {
    open_qemu(path_, "qcow2");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.what(), path_ + ": QEMU cannot open it: Image is not in qcow2 format");
  }
}

TEST(NbdUri, SchemesOfLibnbd) {
  EXPECT_TRUE(is_nbd_uri("nbd://host"));
  EXPECT_TRUE(is_nbd_uri("nbds+unix:///?socket=/x"));
  EXPECT_FALSE(is_nbd_uri("nbd:host:10809"));
  EXPECT_FALSE(is_nbd_uri("disk.raw"));
}

}  // namespace
}  // namespace qcow2stream
