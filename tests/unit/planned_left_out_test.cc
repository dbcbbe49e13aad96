// SPDX-License-Identifier: GPL-2.0-or-later
//
// What a plan says was left out: that it comes back, that it is compared with the disk, and what of
// it is refused.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/endian.h"
#include "digest/hasher.h"
#include "image/planned_left_out.h"
#include "layout/cluster_map_encoding.h"
#include "leave_out/encoded_left_out.h"
#include "leave_out/found_left_out.h"
#include "leave_out/rests_on.h"
#include "map_testing.h"
#include "system/fd.h"
#include "testing.h"

namespace qcow2stream {
namespace {

using testing::make_image;
using testing::MemoryDisk;
using testing::TextFile;

constexpr std::uint64_t kClusterOfPlan = 65536;
constexpr std::uint64_t kSizeOfPlanned = 4 * kClusterOfPlan + 100;

std::vector<std::byte> content_of_planned() {
  return std::vector<std::byte>(kSizeOfPlanned, std::byte{1});
}

// The second cluster is left out, and so is the last one, which is cut off. The findings rest on
// the first 4 KiB.
FoundLeftOut::Parts found_parts() {
  const qcow2::Geometry geometry = geometry_of_units(kClusterOfPlan);
  ClusterMapBuilder units(geometry, geometry.clusters_for(kSizeOfPlanned));
  units.mark(ClusterKind::kData, GuestCluster(1), 1);
  units.mark(ClusterKind::kData, GuestCluster(4), 1);
  RestsOn rests_on;
  const std::vector<std::byte> bytes(4096, std::byte{1});
  EXPECT_TRUE(rests_on.add(GuestOffset(0), bytes));
  return {.disk_size = kSizeOfPlanned,
          .units = units.finish(),
          .volumes = {{.name = "partition 1",
                       .size = 7,
                       .format = "ext4",
                       .label = "root",
                       .used = 3,
                       .free = 4,
                       .kept_because = {},
                       .remedy = {},
                       .has_failed = false,
                       .left_free = 5,
                       .left_swap = 6},
                      {.name = "partition\n2",
                       .format = "xfs",
                       .kept_because = "its log has not been replayed",
                       .remedy = "mount it once",
                       .has_failed = true}},
          .rests_on = rests_on.finish()};
}

Image image_without(FoundLeftOut::Parts parts, std::optional<unsigned> chunk_bits = {}) {
  return make_image(std::make_shared<MemoryDisk>(content_of_planned()), {},
                    {.what = Full{},
                     .hash_chunk_bits = chunk_bits,
                     .left_out = std::make_shared<FoundLeftOut>(std::move(parts))});
}

SavedPlan load(const std::vector<std::byte>& bytes) {
  const TextFile file(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
  return load_plan(file.path());
}

TEST(PlannedLeftOut, SaysWhatWasFound) {
  const SavedPlan plan = load(encode_plan(image_without(found_parts())));
  ASSERT_NE(plan.survey.left_out, nullptr);
  const LeftOut& found = *plan.survey.left_out;
  EXPECT_EQ(found.disk_size(), kSizeOfPlanned);
  EXPECT_EQ(found.unit(), kClusterOfPlan);
  ASSERT_EQ(found.volumes().size(), 2U);
  const ExaminedVolume& first = found.volumes()[0];
  EXPECT_EQ(first.name + first.format + first.label, "partition 1ext4root");
  EXPECT_EQ(first.kept_because + first.remedy, "");
  EXPECT_EQ(std::vector({first.size, first.used, first.free, first.left_free, first.left_swap}),
            (std::vector<std::uint64_t>{7, 3, 4, 5, 6}));
  EXPECT_FALSE(first.has_failed);
  EXPECT_EQ(found.volumes()[1].name, "partition\\n2");
  EXPECT_EQ(found.volumes()[1].kept_because, "its log has not been replayed");
  EXPECT_EQ(found.volumes()[1].remedy, "mount it once");
  EXPECT_TRUE(found.volumes()[1].has_failed);
  std::vector<GuestRange> ranges;
  const auto runs = found.runs();
  while (const auto run = runs->next()) {
    if (!run->is_data()) ranges.push_back(run->range);
  }
  const std::vector<GuestRange> wanted = {{GuestOffset(kClusterOfPlan), kClusterOfPlan},
                                          {GuestOffset(4 * kClusterOfPlan), 100}};
  EXPECT_EQ(ranges, wanted);
  EXPECT_EQ(found.rests_on().size(), 1U);
}

TEST(PlannedLeftOut, IsComparedWithTheDiskBeforeTheLastPiece) {
  for (const auto chunk_bits : {std::optional<unsigned>(), std::optional(16U)}) {
    const auto plan = encode_plan(image_without(found_parts(), chunk_bits));
    for (const bool has_changed : {false, true}) {
      auto bytes = content_of_planned();
      if (has_changed) bytes[4095] = std::byte{2};
      const Image image =
          image_of_plan(std::make_shared<MemoryDisk>(std::move(bytes)), load(plan), true);
      const UniqueFd fd(::memfd_create("image", MFD_CLOEXEC));
      ErrorKind failure = ErrorKind::kFailed;
      try {
        emit(image, image.whole(), fd.get());
      } catch (const Error& error) {
        failure = error.kind();
      }
      const auto written = static_cast<std::uint64_t>(::lseek(fd.get(), 0, SEEK_END));
      EXPECT_EQ(failure == ErrorKind::kChanged, has_changed);
      EXPECT_EQ(written == image.size(), !has_changed);
    }
  }
}

// A plan that is as it was but for what it says was left out.
std::vector<std::byte> with_left_out(std::span<const std::byte> left_out) {
  static const std::vector<std::byte> whole = encode_plan(image_without(found_parts()));
  static const auto was = encode_left_out(FoundLeftOut(found_parts()), *found_parts().units);
  constexpr std::size_t kHash = 32;
  std::vector<std::byte> plan = whole;
  plan.resize(plan.size() - kHash - was.size());
  store_big<std::uint64_t>(plan.data() + plan.size() - 8, left_out.size());
  plan.insert(plan.end(), left_out.begin(), left_out.end());
  const auto hash = make_hasher(DigestAlgorithm::kSha256);
  hash->update(plan);
  const auto digest = hash->finish();
  plan.insert(plan.end(), digest.begin(), digest.end());
  return plan;
}

// Why it is refused; nothing if it is not.
std::string refusal_of(std::span<const std::byte> left_out) {
  try {
    load(with_left_out(left_out));
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kFailed);
    return error.reason();
  }
  return "";
}

const char* const kNoSense = "what it says was left out makes no sense";

std::string refusal_of(const std::function<void(FoundLeftOut::Parts&)>& change) {
  auto parts = found_parts();
  change(parts);
  const auto units = parts.units;
  return refusal_of(encode_left_out(FoundLeftOut(std::move(parts)), *units));
}

TEST(PlannedLeftOut, IsRefusedWhereItMakesNoSense) {
  EXPECT_EQ(refusal_of([](auto& /*parts*/) {}), "");
  const auto rests_on = [](std::uint64_t begin, std::uint64_t length) {
    return refusal_of([&](auto& parts) { parts.rests_on[0].range = {GuestOffset(begin), length}; });
  };
  EXPECT_EQ(rests_on(0, kSizeOfPlanned), "");
  EXPECT_EQ(rests_on(kSizeOfPlanned - 1, 1), "");
  EXPECT_EQ(rests_on(0, kSizeOfPlanned + 1), kNoSense);
  EXPECT_EQ(rests_on(kSizeOfPlanned, 1), kNoSense);
  EXPECT_EQ(rests_on(kSizeOfPlanned + 1, 0), kNoSense);
  EXPECT_EQ(rests_on(100, UINT64_MAX), kNoSense);
  EXPECT_EQ(rests_on(100, 0), kNoSense);
  EXPECT_EQ(refusal_of([](auto& parts) { parts.volumes.resize(4097); }), "");
  EXPECT_EQ(refusal_of([](auto& parts) { parts.volumes.resize(4098); }), kNoSense);
}

// No range is longer than what is read at once, however large the disk is.
TEST(PlannedLeftOut, ReadsNoMoreAtOnceThanItHasMemoryFor) {
  constexpr std::uint64_t kLarge = 16U << 20;
  for (const std::uint64_t length : {kMostHeldBytes, kMostHeldBytes + 1}) {
    const auto units = ClusterMapBuilder({}, kLarge / kClusterOfPlan).finish();
    const FoundLeftOut found({.disk_size = kLarge,
                              .units = units,
                              .volumes = {},
                              .rests_on = {{.range = {GuestOffset(0), length}}}});
    const auto decoded = decode_left_out(encode_left_out(found, *units), kLarge);
    EXPECT_EQ(decoded.has_value(), length <= kMostHeldBytes);
  }
}

TEST(PlannedLeftOut, IsNotWhatTheMapHasSpaceFor) {
  const auto with_units = [](std::uint64_t unit, ClusterKind kind, std::uint64_t first,
                             std::uint64_t count) {
    return refusal_of([&](auto& parts) {
      const qcow2::Geometry geometry = geometry_of_units(unit);
      ClusterMapBuilder units(geometry, geometry.clusters_for(kSizeOfPlanned));
      if (count > 0) units.mark(kind, GuestCluster(first), count);
      parts.units = units.finish();
    });
  };
  EXPECT_EQ(with_units(kClusterOfPlan, ClusterKind::kData, 0, 0), "");
  EXPECT_EQ(with_units(kClusterOfPlan, ClusterKind::kData, 1, 1), "");
  EXPECT_EQ(with_units(kClusterOfPlan, ClusterKind::kData, 0, 2), kNoSense);
  EXPECT_EQ(with_units(kClusterOfPlan, ClusterKind::kData, 1, 2), kNoSense);
  EXPECT_EQ(with_units(kClusterOfPlan, ClusterKind::kZero, 1, 1), kNoSense);
  // Neither clusters of that image nor subclusters.
  EXPECT_EQ(with_units(kClusterOfPlan / 32, ClusterKind::kData, 32, 1), kNoSense);
  EXPECT_EQ(with_units(2 * kClusterOfPlan, ClusterKind::kData, 0, 0), kNoSense);
  EXPECT_EQ(with_units(16, ClusterKind::kData, 0, 0), kNoSense);
}

// An increment with subclusters of 512 bytes, of which the second cluster has two left out.
TEST(PlannedLeftOut, IsNotWhatTheMapHasASubclusterFor) {
  constexpr std::uint64_t kFourClusters = std::uint64_t{4} * 16384;
  constexpr std::uint64_t kUnit = 512;
  const auto disk =
      std::make_shared<MemoryDisk>(std::vector<std::byte>(kFourClusters, std::byte{1}));
  const auto units_from = [](std::uint64_t first, std::uint64_t count) {
    ClusterMapBuilder units(geometry_of_units(kUnit), kFourClusters / kUnit);
    units.mark(ClusterKind::kData, GuestCluster(first), count);
    return units.finish();
  };
  const auto found = [&](std::shared_ptr<const ClusterMap> units) {
    return std::make_shared<FoundLeftOut>(FoundLeftOut::Parts{
        .disk_size = kFourClusters, .units = std::move(units), .volumes = {}, .rests_on = {}});
  };
  std::string text;
  ManifestBuilder(kFourClusters, 16).encode({}, [&](std::span<const std::byte> bytes) {
    text.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  });
  const TextFile file(text);
  ImageOptions options{.cluster_size = 16384};
  options.extended_l2 = true;
  options.backing_file = BackingFile{.name = "base", .format = "raw"};
  const auto base = std::make_shared<const Manifest>(Manifest::load(file.path()));
  const Image image = make_image(
      disk, options, {.what = AgainstManifest{.base = base}, .left_out = found(units_from(33, 2))});
  SavedPlan plan = load(encode_plan(image));
  const auto is_taken = [&](std::uint64_t first, std::uint64_t count) {
    const auto units = units_from(first, count);
    return take_left_out(encode_left_out(*found(units), *units), plan);
  };
  EXPECT_TRUE(is_taken(33, 2));
  EXPECT_TRUE(is_taken(34, 1));
  EXPECT_FALSE(is_taken(32, 2));
  EXPECT_FALSE(is_taken(34, 2));
  EXPECT_FALSE(is_taken(0, 128));
  EXPECT_FALSE(is_taken(127, 1));
}

// Each byte of it: what is taken for a plan gives an image that can be compared with its disk.
// Where it is cut between two runs of units, less is left out.
TEST(PlannedLeftOut, IsRefusedOrHarmlessWhereItIsDamaged) {
  const auto good = encode_left_out(FoundLeftOut(found_parts()), *found_parts().units);
  const std::size_t before_units = good.size() - encode_cluster_map(*found_parts().units).size();
  const auto disk = std::make_shared<MemoryDisk>(content_of_planned());
  for (std::size_t at = 0; at < good.size(); ++at) {
    EXPECT_TRUE(at >= before_units || refusal_of(std::span(good).first(at)) == kNoSense) << at;
    for (const unsigned bit : {0U, 3U, 7U}) {
      auto bad = good;
      bad[at] ^= std::byte{1} << bit;
      if (refusal_of(bad) == kNoSense) continue;
      const Image image = image_of_plan(disk, load(with_left_out(bad)), true);
      try {
        image.check_left_out();
      } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::kChanged);
      }
    }
  }
  auto more = good;
  more.push_back(std::byte{0});
  EXPECT_EQ(refusal_of(more), kNoSense);
}

}  // namespace
}  // namespace qcow2stream
