// SPDX-License-Identifier: GPL-2.0-or-later
//
// Whatever the confined program says of the file systems of a disk, or however it ends: what it is
// not believed of is in use, and nothing fails. tests/tools/lying_examiner.cc plays it.

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "qcow2stream/error.h"
#include "qcow2stream/leave_out.h"
#include "testing.h"

namespace qcow2stream {
namespace {

namespace fs = std::filesystem;

using testing::MemoryDisk;

constexpr std::size_t kExaminedDisk = 1U << 20;
constexpr std::uint64_t kLeftOutOfEach = 65536;

class ExaminationTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string path = ::testing::TempDir() + "/examination-test-XXXXXX";
    ASSERT_NE(::mkdtemp(path.data()), nullptr);
    directory_ = path;
  }
  void TearDown() override { fs::remove_all(directory_); }

  [[nodiscard]] std::shared_ptr<const LeftOut> examine(
      const std::string& lie,
      const std::shared_ptr<const Disk>& disk =
          std::make_shared<MemoryDisk>(std::vector<std::byte>(kExaminedDisk, std::byte{1}))) const {
    const fs::path program = directory_ / ("lying-examiner." + lie);
    if (!fs::exists(program)) fs::create_symlink(LYING_EXAMINER, program);
    return find_left_out(*disk,
                         {.unit = 4096, .program = program, .timeout = std::chrono::seconds(1)});
  }

 private:
  fs::path directory_;
};

std::uint64_t left_out_bytes(const LeftOut& left_out) {
  std::uint64_t bytes = 0;
  const auto runs = left_out.runs();
  while (const auto run = runs->next()) bytes += run->is_data() ? 0 : run->range.length;
  return bytes;
}

TEST_F(ExaminationTest, BelievesWhatMakesSense) {
  const auto found = examine("not");
  ASSERT_EQ(found->volumes().size(), 2U);
  EXPECT_EQ(found->volumes()[1].name, "volume\\n1");
  EXPECT_EQ(found->volumes()[1].format, "fs");
  EXPECT_EQ(found->volumes()[1].left_free, kLeftOutOfEach);
  EXPECT_EQ(found->volumes()[1].kept_because, "");
  EXPECT_EQ(left_out_bytes(*found), 2 * kLeftOutOfEach);
  check_left_out(*found, MemoryDisk(std::vector<std::byte>(kExaminedDisk, std::byte{1})));
}

// Another process goes on with the volume behind the one that this one has failed at.
TEST_F(ExaminationTest, KeepsAVolumeThatItDoesNotGetThrough) {
  for (const std::string lie :
       {"dies", "is-silent", "other-protocol", "unknown-request", "request-of-others", "outside",
        "wraps", "empty-run", "half-a-run", "not-asked", "unknown-kind", "senseless-finding",
        "long-finding", "unending"}) {
    const auto found = examine(lie);
    ASSERT_EQ(found->volumes().size(), 2U) << lie;
    EXPECT_TRUE(found->volumes()[0].has_failed) << lie;
    EXPECT_NE(found->volumes()[0].kept_because, "") << lie;
    EXPECT_EQ(found->volumes()[1].left_free, kLeftOutOfEach) << lie;
    EXPECT_EQ(left_out_bytes(*found), kLeftOutOfEach) << lie;
  }
}

TEST_F(ExaminationTest, KeepsAllWhereItGetsNowhere) {
  for (const std::string lie : {"dies-at-once", "found-without-volume", "reads-behind-the-end",
                                "reads-nothing", "reads-too-much", "other-number"}) {
    const auto found = examine(lie);
    ASSERT_EQ(found->volumes().size(), 1U) << lie;
    EXPECT_TRUE(found->volumes()[0].has_failed) << lie;
    EXPECT_EQ(left_out_bytes(*found), 0U) << lie;
  }
  for (const std::string lie : {"volume-in-volume", "end-in-volume"}) {
    EXPECT_EQ(left_out_bytes(*examine(lie)), 0U) << lie;
  }
}

class ChangingDisk final : public Disk {
 public:
  [[nodiscard]] const std::string& name() const override { return name_; }
  [[nodiscard]] std::uint64_t size() const override { return kExaminedDisk; }
  void read(GuestOffset offset, std::span<std::byte> buffer) const override {
    std::ranges::fill(buffer, std::byte{1});
    if (changed_at && *changed_at >= offset && *changed_at < offset + buffer.size()) {
      buffer[*changed_at - offset] = std::byte{2};
    }
  }
  std::optional<GuestOffset> changed_at;

 private:
  std::string name_ = "changing";
};

TEST_F(ExaminationTest, RestsOnWhatWasReadOfVolumesThatAreNotKept) {
  const auto disk = std::make_shared<ChangingDisk>();
  const auto found = examine("dies", disk);
  check_left_out(*found, *disk);
  disk->changed_at = GuestOffset(4095);  // was read of the volume that is kept
  check_left_out(*found, *disk);
  disk->changed_at = GuestOffset(kExaminedDisk / 2 + 4095);
  try {
    check_left_out(*found, *disk);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kChanged);
  }
}

TEST_F(ExaminationTest, ADiskThatSomebodyWritesToIsKept) {
  const MemoryDisk disk{std::vector<std::byte>(kExaminedDisk)};
  const auto found = nothing_left_out(disk, "is mounted", "unmount it");
  EXPECT_EQ(left_out_bytes(*found), 0U);
  EXPECT_EQ(found->volumes().front().remedy, "unmount it");
}

}  // namespace
}  // namespace qcow2stream
