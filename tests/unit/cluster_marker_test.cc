// SPDX-License-Identifier: GPL-2.0-or-later
//
// Runs of bytes that have changed, as clusters, against a model that looks at each byte.

#include "lists/cluster_marker.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <optional>
#include <span>
#include <vector>

namespace qcow2stream {
namespace {

using Kind = Run::Holds;
using KindOfEach = std::vector<std::optional<ClusterKind>>;

// Runs that cover a disk without gaps.
struct ListOfChanges final : Changes {
  std::vector<Run> all;

  struct Cursor final : RunCursor {
    explicit Cursor(const std::vector<Run>& listed) : rest(listed) {}
    std::optional<Run> next() override {
      if (rest.empty()) return std::nullopt;
      const Run first = rest.front();
      rest = rest.subspan(1);
      return first;
    }
    std::span<const Run> rest;
  };
  [[nodiscard]] std::unique_ptr<RunCursor> runs() const override {
    return std::make_unique<Cursor>(all);
  }
};

KindOfEach kinds_of(const ClusterMap& map) {
  KindOfEach kinds(map.guest_clusters());
  for (std::size_t i = 0; i < kinds.size(); ++i) kinds[i] = map.kind_of(GuestCluster(i));
  return kinds;
}

// The disk ends with whole sectors; what is behind its last byte is as that byte is.
KindOfEach naive(const ListOfChanges& changes, std::uint64_t size, std::uint64_t cluster) {
  std::vector<Kind> bytes;
  for (const Run& run : changes.all) bytes.insert(bytes.end(), run.range.length, run.holds);
  bytes.resize(size);
  if (size > 0) bytes.resize((size + 511) / 512 * 512, bytes.back());
  KindOfEach kinds;
  for (std::size_t at = 0; at < bytes.size(); at += cluster) {
    const auto end = std::min(at + cluster, bytes.size());
    const auto part = std::span(bytes).subspan(at, end - at);
    const auto is = [&](Kind kind) { return [kind](Kind byte) { return byte == kind; }; };
    std::optional<ClusterKind> kind;
    if (!std::ranges::all_of(part, is(Kind::kBelow))) kind = ClusterKind::kData;
    if (std::ranges::all_of(part, is(Kind::kZeros))) kind = ClusterKind::kZero;
    kinds.push_back(kind);
  }
  return kinds;
}

ListOfChanges arbitrary_changes(std::uint64_t& size) {
  ListOfChanges changes;
  size = 0;
  const auto count = *rc::gen::inRange(0, 25);
  for (int i = 0; i < count; ++i) {
    const auto unit = *rc::gen::element<std::uint64_t>(1, 512, 512, 4096);
    const auto length = unit * *rc::gen::inRange<std::uint64_t>(1, 12);
    const auto kind = *rc::gen::element(Kind::kBelow, Kind::kData, Kind::kZeros, Kind::kZeros);
    changes.all.push_back({.range = {GuestOffset(size), length}, .holds = kind});
    size += length;
  }
  return changes;
}

RC_GTEST_PROP(ChangeMapProperty, AgreesWithAModelOfBytes, ()) {
  std::uint64_t size = 0;
  const ListOfChanges changes = arbitrary_changes(size);
  // The disk may be only the first part of what the source tells about.
  const auto disk_size = *rc::gen::inRange<std::uint64_t>(0, size + 1);
  const unsigned bits = *rc::gen::element(9U, 10U, 12U, 16U);
  const auto map = read_changes(changes, disk_size, {.cluster_bits = bits}, true);
  RC_ASSERT(kinds_of(*map) == naive(changes, disk_size, 1ULL << bits));
}

// Then whatever has changed may hold anything.
RC_GTEST_PROP(ChangeMapProperty, ZerosThatAreNotBelievedHaveChanged, ()) {
  std::uint64_t size = 0;
  ListOfChanges changes = arbitrary_changes(size);
  const qcow2::Geometry geometry{.cluster_bits = 10};
  const KindOfEach kinds = kinds_of(*read_changes(changes, size, geometry, false));
  for (Run& run : changes.all) {
    if (run.holds == Kind::kZeros) run.holds = Kind::kData;
  }
  RC_ASSERT(kinds == naive(changes, size, geometry.cluster_size()));
}

// A map that is not sorted hands its runs over in any order.
RC_GTEST_PROP(ChangeMapProperty, InAnyOrderNothingThatHasChangedIsLost, ()) {
  std::uint64_t size = 0;
  ListOfChanges changes = arbitrary_changes(size);
  const std::uint64_t cluster = 1024;
  const std::uint64_t end = (size + 511) / 512 * 512;
  const KindOfEach wanted = naive(changes, size, cluster);
  const qcow2::Geometry geometry{.cluster_bits = 10};
  ClusterMarker marker(geometry, GuestOffset(end));
  for (std::size_t left = changes.all.size(); left > 0; --left) {
    const auto i = *rc::gen::inRange<std::size_t>(0, left);
    marker.add(changes.all[i].range, changes.all[i].holds);
    std::swap(changes.all[i], changes.all[left - 1]);
  }
  const KindOfEach kinds = kinds_of(*marker.finish());
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    RC_ASSERT(kinds[i].has_value() == wanted[i].has_value());
    // Zeros that come in pieces, one here and one there, may be looked into.
    if (kinds[i] == ClusterKind::kZero) RC_ASSERT(wanted[i] == ClusterKind::kZero);
  }
}

KindOfEach mark(const std::vector<Run>& runs, std::uint64_t end) {
  ClusterMarker marker({.cluster_bits = 12}, GuestOffset(end));
  for (const Run& run : runs) marker.add(run.range, run.holds);
  return kinds_of(*marker.finish());
}

TEST(ClusterMarker, ZerosThatFollowEachOtherAreOneRun) {
  const auto zeros = [](std::uint64_t begin, std::uint64_t length) {
    return qcow2stream::Run{.range = {GuestOffset(begin), length}, .holds = Kind::kZeros};
  };
  const std::optional<ClusterKind> none;
  EXPECT_EQ(mark({zeros(0, 1000), zeros(1000, 3096)}, 8192),
            (KindOfEach{ClusterKind::kZero, none}));
  EXPECT_EQ(mark({zeros(0, 1000), zeros(1001, 3095)}, 8192),
            (KindOfEach{ClusterKind::kData, none}));
  EXPECT_EQ(mark({zeros(4095, 4097)}, 8192), (KindOfEach{ClusterKind::kData, ClusterKind::kZero}));
  // To the end of the disk, which is within the cluster.
  EXPECT_EQ(mark({zeros(4096, 512)}, 4608), (KindOfEach{none, ClusterKind::kZero}));
  EXPECT_EQ(mark({zeros(4096, 511)}, 4608), (KindOfEach{none, ClusterKind::kData}));
  EXPECT_EQ(mark({zeros(100, 0)}, 4608), (KindOfEach{none, none}));
}

}  // namespace
}  // namespace qcow2stream
