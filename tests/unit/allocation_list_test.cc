// SPDX-License-Identifier: GPL-2.0-or-later
//
// What a map means: the survey of a map is that of a disk with these extents.

#include "lists/allocation_list.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <random>

#include "base/bits.h"
#include "map_testing.h"
#include "testing.h"

namespace qcow2stream {
namespace {

using testing::MemoryDisk;
using testing::TextFile;
using testing::TextPipe;

Full listed(const std::string& file) {
  return {AllocationList{file}};
}

// A disk whose extents are what the test says.
class ExtentDisk final : public Disk {
 public:
  ExtentDisk(std::uint64_t size, std::vector<Run> extents)
      : size_(size), extents_(std::move(extents)) {}

  [[nodiscard]] const std::string& name() const override { return name_; }
  [[nodiscard]] std::uint64_t size() const override { return size_; }
  // Ones in extents of data, zeros elsewhere.
  void read(GuestOffset offset, std::span<std::byte> buffer) const override {
    for (std::size_t i = 0; i < buffer.size(); ++i) {
      const auto extent = std::ranges::upper_bound(extents_, offset + i, {},
                                                   [](const Run& e) { return e.range.end(); });
      buffer[i] = static_cast<std::byte>(extent->is_data());
    }
  }
  [[nodiscard]] std::unique_ptr<RunCursor> runs(GuestRange /*whole*/) const override {
    return std::make_unique<Cursor>(extents_);
  }

 private:
  class Cursor final : public RunCursor {
   public:
    explicit Cursor(const std::vector<Run>& extents) : extents_(extents) {}
    std::optional<Run> next() override {
      return at_ < extents_.size() ? std::optional(extents_[at_++]) : std::nullopt;
    }

   private:
    const std::vector<Run>& extents_;
    std::size_t at_ = 0;
  };

  std::string name_ = "disk";
  std::uint64_t size_;
  std::vector<Run> extents_;
};

std::vector<GuestCluster> borders(const ClusterMap& map) {
  std::vector<GuestCluster> all;
  for (GuestCluster at(0); at < map.end();) {
    at = map.next(ClusterKind::kData, at);
    all.push_back(at);
    at = map.next_other(ClusterKind::kData, at);
    all.push_back(at);
  }
  return all;
}

std::string json_entry(ListForm form, GuestRange range, bool data) {
  const auto begin = range.begin.value();
  switch (form) {
    case ListForm::kQemuImg:
      return fmt::format(
          R"({{"start":{},"length":{},"depth":0,"present":{},"zero":{},"data":{},"offset":7}})",
          begin, range.length, data, !data, data);
    case ListForm::kRbd:
      return fmt::format(R"({{"offset":{},"length":{},"exists":"{}"}})", begin, range.length, data);
    case ListForm::kNbdInfo:
      return fmt::format(R"({{"offset":{},"length":{},"type":{},"description":"{}"}})", begin,
                         range.length, data ? 0 : 3, data ? "data" : "hole,zero");
    case ListForm::kClusters:  // has a form of its own
    case ListForm::kPlain:
      return fmt::format(R"({{"offset":{},"length":{}}})", begin, range.length);
  }
  return "";
}

struct Example {
  std::uint64_t size = 0;
  std::vector<Run> extents;
};

Example arbitrary_example() {
  Example example;
  const auto extents = *rc::gen::inRange(0, 20);
  for (int i = 0; i < extents; ++i) {
    const auto most = *rc::gen::element<std::uint64_t>(3, 700, 5000, 200'000);
    const GuestRange range{GuestOffset(example.size), *rc::gen::inRange<std::uint64_t>(1, most)};
    example.extents.push_back(
        {.range = range, .holds = data_or_zeros(*rc::gen::arbitrary<bool>())});
    example.size += range.length;
  }
  return example;
}

std::string json_of(ListForm form, Example example, bool shuffled) {
  // qemu-img pads.
  if (form == ListForm::kQemuImg && example.size % 512 != 0) {
    const GuestOffset end(example.size);
    example.extents.push_back(
        {.range = {end, 512 - example.size % 512}, .holds = Run::Holds::kZeros});
  }
  std::vector<std::string> entries;
  for (const Run& extent : example.extents) {
    if (form != ListForm::kPlain || extent.is_data()) {
      entries.push_back(json_entry(form, extent.range, extent.is_data()));
    }
  }
  if (shuffled) std::ranges::shuffle(entries, std::mt19937(entries.size()));
  return fmt::format("[{}]", fmt::join(entries, ",\n"));
}

RC_GTEST_PROP(AllocationMapProperty, TheSurveyOfAMapIsThatOfADiskWithTheseExtents, ()) {
  const Example example = arbitrary_example();
  const ExtentDisk disk(example.size, example.extents);
  const ImageOptions image{.cluster_size = *rc::gen::element(512U, 4096U, 65536U)};
  const auto form =
      *rc::gen::element(ListForm::kQemuImg, ListForm::kRbd, ListForm::kNbdInfo, ListForm::kPlain);
  const std::string text = json_of(form, example, *rc::gen::arbitrary<bool>());
  const TextFile file(text);
  const TextPipe pipe(text, *rc::gen::inRange<std::size_t>(1, 300));

  const auto wanted = borders(*survey(disk, image, {.scan = Scan::kHoles}).map);
  for (const Scan scan : {Scan::kHoles, Scan::kZeros}) {
    const auto from_file = survey(disk, image, {.what = listed(file.path()), .scan = scan}).map;
    RC_ASSERT(borders(*from_file) == wanted);
  }
  const auto from_pipe =
      survey(disk, image, {.what = listed(pipe.path()), .scan = Scan::kHoles}).map;
  RC_ASSERT(borders(*from_pipe) == wanted);
}

// --- a disk of 10000 bytes
// ------------------------------------------------------------------------

std::shared_ptr<const ClusterMap> map_of(const std::string& text) {
  static const MemoryDisk disk(std::vector<std::byte>(10'000));
  return read_allocation_list(TextFile(text).path(), disk, {.cluster_bits = 9});
}

std::string refusal_of_map(const std::string& text) {
  try {
    map_of(text);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kFailed);
    return error.what_failed() + ": " + error.reason();
  }
  return "nothing";
}

std::string whole(const std::string& rest) {
  return R"([{"offset":0,"start":0,"length":10000,)" + rest + "}]";
}

ClusterCount data_of(const std::string& rest) {
  return map_of(whole(rest))->count(ClusterKind::kData);
}

TEST(AllocationList, WhatReadsAsZeros) {
  EXPECT_EQ(data_of(R"("zero":false,"data":true)"), 20U);
  EXPECT_EQ(data_of(R"("zero":true,"data":true)"), 0U);
  EXPECT_EQ(data_of(R"("zero":true,"data":false)"), 0U);
  EXPECT_EQ(data_of(R"("zero":true,"data":false,"present":false)"), 0U);
  // Not known to be zeros.
  EXPECT_EQ(data_of(R"("zero":false,"data":false,"present":true)"), 20U);
  EXPECT_EQ(data_of(R"("exists":"true")"), 20U);
  EXPECT_EQ(data_of(R"("exists":false)"), 0U);
  EXPECT_EQ(data_of(R"("type":0,"description":"data")"), 20U);
  EXPECT_EQ(data_of(R"("type":1,"description":"hole")"), 20U);
  EXPECT_EQ(data_of(R"("type":2,"description":"zero")"), 0U);
  EXPECT_EQ(data_of(R"("type":3,"description":"hole,zero")"), 0U);
  EXPECT_EQ(data_of(R"("x":0)"), 20U);
  EXPECT_EQ(map_of("[]")->count(ClusterKind::kData), 0U);
}

// qemu-img map lists an empty disk so.
TEST(AllocationList, AnEntryWithoutAByteSaysNothing) {
  const std::string empty =
      R"({"start":0,"length":0,"depth":0,"present":false,"zero":false,"data":false})";
  EXPECT_EQ(refusal_of_map("[" + empty + "]").find("ends at offset 0: memory has 10000 bytes"), 0U);
  const std::string whole = R"({"start":0,"length":10000,"zero":false,"data":true})";
  EXPECT_EQ(map_of("[" + empty + "," + whole + "]")->count(ClusterKind::kData), 20U);
}

TEST(AllocationList, BitmapsAndWhatIsUnknownAreRefused) {
  const auto refused = [](const std::string& rest, const std::string& reason) {
    const std::string refusal = refusal_of_map(whole(rest));
    EXPECT_EQ(refusal.find("entry 1 (offset 0, length 10000): "), 0U) << refusal;
    EXPECT_NE(refusal.find(reason), std::string::npos) << refusal;
  };
  refused(R"("zero":false,"data":false,"present":false)", "x-dirty-bitmap");
  refused(R"("zero":false,"data":true,"present":false)", "x-dirty-bitmap");
  refused(R"("zero":false,"data":false)", "x-dirty-bitmap");
  refused(R"("type":1,"description":"dirty")", "'dirty' is of a dirty bitmap");
  refused(R"("type":0,"description":"clean")", "'clean' is of a dirty bitmap");
  refused(R"("type":1,"description":"local")", "'local' is not of base:allocation");
  refused(R"("type":0)", "has no description");
  refused(R"("type":0,"description":"zero")", "type 0 is not 'zero'");
}

TEST(AllocationList, TheEndIsTheDisksOrPaddedTo512) {
  for (const char* rest :
       {R"("zero":true,"data":false)", R"("type":3,"description":"hole,zero")"}) {
    for (const int length : {10'000, 10'100, 10'240}) {
      EXPECT_EQ(refusal_of_map(fmt::format(R"([{{"start":0,"length":{},{}}}])", length, rest)),
                "nothing");
    }
    EXPECT_NE(refusal_of_map(fmt::format(R"([{{"start":0,"length":9999,{}}}])", rest))
                  .find("ends at offset 9999: memory has 10000 bytes"),
              std::string::npos);
    EXPECT_EQ(refusal_of_map(fmt::format(R"([{{"start":0,"length":10241,{}}}])", rest)),
              "entry 1 (offset 0, length 10241): ends past the end of memory (10000 bytes)");
    EXPECT_EQ(refusal_of_map(
                  fmt::format(R"([{{"start":0,"length":9,{0}}},{{"start":20,"length":10000,{0}}}])",
                              rest))
                  .find("offset 9, length 11: is not listed, and "),
              0U);
    EXPECT_EQ(
        refusal_of_map(
            fmt::format(R"([{{"start":20,"length":9980,{0}}},{{"start":0,"length":9,{0}}}])", rest))
            .find("offset 9, length 11: is not listed, and "),
        0U);
  }
}

TEST(AllocationList, OthersNeedNotBeCompleteButEndWithTheDisk) {
  EXPECT_EQ(
      map_of(R"([{"offset":10239,"length":1},{"offset":5,"length":0}])")->count(ClusterKind::kData),
      1U);
  EXPECT_EQ(refusal_of_map(R"([{"offset":10239,"length":2}])"),
            "entry 1 (offset 10239, length 2): ends past the end of memory (10000 bytes)");
  EXPECT_EQ(
      refusal_of_map(
          R"([{"offset":0,"length":1},{"offset":9223372036854775807,"length":9223372036854775807}])")
          .find("entry 2 (offset 9223372036854775807, length 9223372036854775807): ends past"),
      0U);
  // Zeros behind the end of a disk change nothing.
  EXPECT_EQ(refusal_of_map(R"([{"offset":10000,"length":90000,"exists":"false"}])"), "nothing");
  EXPECT_EQ(refusal_of_map(R"([{"offset":99999,"length":90000,"exists":"false"}])"), "nothing");
}

TEST(AllocationList, OptionsThatLeaveNothingToAsk) {
  const MemoryDisk disk(std::vector<std::byte>(10'000));
  const auto refused = [&](const ImageOptions& image, const SurveyOptions& options) {
    try {
      survey(disk, image, options);
    } catch (const Error& error) {
      return error.kind() == ErrorKind::kUsage;
    }
    return false;
  };
  EXPECT_TRUE(refused({}, {.what = listed("m"), .scan = Scan::kNone}));
  EXPECT_TRUE(refused({.data_file = DataFile{.name = "d", .raw = true}}, {.what = listed("m")}));
}

}  // namespace
}  // namespace qcow2stream
