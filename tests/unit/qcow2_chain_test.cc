// SPDX-License-Identifier: GPL-2.0-or-later
//
// Chains whose images are given by hand.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "qcow2stream/qcow2.h"
#include "testing.h"

namespace qcow2stream {
namespace {

using testing::make_image;
using testing::MemoryDisk;
using testing::read_all;

constexpr std::size_t kChainSize = 262144;

// The content of each disk is another, in each of its clusters but the last.
std::vector<std::byte> content(unsigned number) {
  std::vector<std::byte> bytes(kChainSize, std::byte{0x77});
  for (std::size_t cluster = 0; cluster < number; ++cluster) {
    std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(cluster * 65536), 65536,
                static_cast<std::byte>(number));
  }
  return bytes;
}

// An increment of `base` by its name, or a full image.
Qcow2Link link(unsigned number, const std::string& base = {}, const std::string& format = "qcow2") {
  ImageOptions options;
  SurveyOptions survey;
  if (!base.empty()) {
    options.backing_file = BackingFile{.name = base, .format = format};
    survey.what = Against{.base = std::make_shared<MemoryDisk>(content(number - 1))};
  }
  auto image = read_all(make_image(std::make_shared<MemoryDisk>(content(number)), options, survey));
  return {std::make_shared<MemoryDisk>(std::move(image)), std::to_string(number)};
}

std::vector<std::byte> all_of(const Disk& disk) {
  std::vector<std::byte> bytes(disk.size());
  disk.read(GuestOffset(0), bytes);
  return bytes;
}

void expect_mismatch(const std::vector<Qcow2Link>& links, Advice advice) {
  try {
    open_qcow2_chain(links);
    FAIL() << "was opened";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kMismatch) << error.what();
    EXPECT_EQ(error.subject(), ErrorSubject::kImage) << error.what();
    EXPECT_EQ(error.advice(), advice) << error.what();
  }
}

TEST(Qcow2Chain, TheNewestImageWins) {
  const std::vector<Qcow2Link> links = {link(3, "2"), link(2, "/elsewhere/1"), link(1)};
  EXPECT_EQ(all_of(*open_qcow2_chain(links).disk), content(3));
}

TEST(Qcow2Chain, MayHaveARawDiskAtItsBottom) {
  const Qcow2Link raw = {std::make_shared<MemoryDisk>(content(1)), "1"};
  EXPECT_EQ(all_of(*open_qcow2_chain(std::vector{link(2, "1", "raw"), raw}).disk), content(2));
  expect_mismatch({link(3, "2", "raw"), link(2, "1"), link(1)}, Advice::kNone);
}

TEST(Qcow2Chain, NeedsItsBottom) {
  expect_mismatch({link(2, "1")}, Advice::kApply);
  expect_mismatch({link(3, "2"), link(2, "1")}, Advice::kApply);
}

TEST(Qcow2Chain, HasNothingBelowAFullImage) {
  expect_mismatch({link(2), link(1)}, Advice::kNone);
}

TEST(Qcow2Chain, IsWhatTheNamesSay) {
  std::vector<Qcow2Link> links = {link(3, "2"), link(1)};
  expect_mismatch(links, Advice::kIgnoreNames);
  EXPECT_NO_THROW(open_qcow2_chain(links, {.ignore_names = true}));
  links[1].name.clear();
  EXPECT_NO_THROW(open_qcow2_chain(links));
}

TEST(Qcow2Chain, TellsWhatIsRecorded) {
  EXPECT_FALSE(qcow2_backing_file(*link(1).file).has_value());
  const auto backing = qcow2_backing_file(*link(2, "dir/1", "raw").file);
  EXPECT_EQ(backing->name, "dir/1");
  EXPECT_EQ(backing->format, "raw");
  EXPECT_EQ(last_part_of_name(backing->name), "1");
}

}  // namespace
}  // namespace qcow2stream
