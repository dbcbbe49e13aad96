// SPDX-License-Identifier: GPL-2.0-or-later
//
// Images of random disks that leave out random parts, on top of images that left out others: what
// they decode to, the root of that, and whether the same comes of a plan.

#include "qcow2stream/leave_out.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "increment_decoder.h"
#include "leave_out/unused_units.h"
#include "map_testing.h"
#include "random_disks.h"
#include "system/fd.h"
#include "testing.h"

namespace qcow2stream {
namespace {

using testing::between;
using testing::ByteVector;
using testing::in_sectors;
using testing::IncrementDecoder;
using testing::make_image;
using testing::MemoryDisk;
using testing::read_all;
using testing::TextFile;
using testing::write_somewhere;

using Runs = std::vector<GuestRange>;  // in order, of which no two touch

// What a test says.
class ToldLeftOut final : public LeftOut {
 public:
  ToldLeftOut(std::uint64_t disk_size, const Runs& runs) : size_(disk_size) {
    UnusedUnits units(size_, unit());
    for (const GuestRange& run : runs) units.add(run, LeftOutKind::kFree);
    units_ = units.finish();
  }
  [[nodiscard]] std::unique_ptr<RunCursor> runs() const override {
    return runs_of_units(units_, size_);
  }
  [[nodiscard]] std::uint64_t disk_size() const override { return size_; }
  [[nodiscard]] std::uint64_t unit() const override { return 512; }
  [[nodiscard]] const std::vector<ExaminedVolume>& volumes() const override { return volumes_; }
  [[nodiscard]] std::span<const HeldRange> rests_on() const override { return held; }
  std::vector<HeldRange> held;

 private:
  std::uint64_t size_;
  std::shared_ptr<const ClusterMap> units_;
  std::vector<ExaminedVolume> volumes_;
};

Runs some_runs(std::size_t size) {
  Runs runs;
  std::size_t at = 0;
  while (at < size && runs.size() < 8) {
    const auto begin = at + between(0, *rc::gen::element<std::size_t>(2, 1000, 100'000));
    if (begin >= size) break;
    const auto most = *rc::gen::element<std::size_t>(600, 20'000, 400'000, 10'000'000);
    const auto length = std::min(size - begin, between(1, most));
    runs.push_back({GuestOffset(begin), length});
    at = begin + length + 1;
  }
  return runs;
}

// The content of an image of the disk that leaves out what lies in the runs, in whole units.
ByteVector without(ByteVector bytes, const Runs& runs, std::size_t unit) {
  for (const GuestRange& run : runs) {
    // What a ToldLeftOut tells is in sectors.
    const std::size_t step = std::max<std::size_t>(unit, 512);
    const std::size_t begin = (run.begin.value() + step - 1) / step * step;
    const bool to_the_end = run.end().value() == bytes.size();
    const std::size_t end = to_the_end ? bytes.size() : run.end().value() / step * step;
    for (std::size_t k = begin; k < end; ++k) bytes[k] = std::byte{0};
  }
  return bytes;
}

std::size_t unit_in(const ImageOptions& options) {
  return options.extended_l2 && options.backing_file ? options.cluster_size / 32
                                                     : options.cluster_size;
}

ImageOptions some_options(bool is_increment) {
  ImageOptions options;
  options.version = *rc::gen::element(2U, 3U, 3U);
  options.cluster_size = *rc::gen::element(512U, 4096U, 16384U, 65536U, 2U << 20);
  options.extended_l2 =
      options.version == 3 && options.cluster_size >= 16384 && *rc::gen::arbitrary<bool>();
  if (is_increment) options.backing_file = BackingFile{.name = "base", .format = "raw"};
  return options;
}

ContentDigest root_of(const ByteVector& content) {
  return hash_content(MemoryDisk(content))->root();
}

std::string manifest_of(const Image& image) {
  std::string text;
  const auto runs = image.left_out_runs();
  const std::uint64_t disk_size = image.disk().size();
  const std::uint64_t length = image.measure().virtual_size;
  const auto next = [&]() -> std::optional<GuestRange> {
    while (const auto run = runs->next()) {
      if (run->is_data()) continue;
      const bool is_last = run->range.end().value() == disk_size;
      const std::uint64_t end = is_last ? length : run->range.end().value();
      return GuestRange{run->range.begin, end - run->range.begin.value()};
    }
    return std::nullopt;
  };
  image.content()->encode(
      {},
      [&](std::span<const std::byte> bytes) {
        text.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
      },
      next);
  return text;
}

// Emits it all, comparing what is sent with what the survey has hashed.
void emit_and_compare(const Image& image) {
  const UniqueFd fd(::memfd_create("image", MFD_CLOEXEC));
  EmitOptions options;
  options.expected = image.content().get();
  emit(image, image.whole(), fd.get(), options);
}

// Both images are the same, and so is what is said of them.
void compare_with_plan(const Image& image, const std::shared_ptr<const Disk>& disk) {
  const auto plan = encode_plan(image);
  const TextFile file(std::string(reinterpret_cast<const char*>(plan.data()), plan.size()));
  const Image again = image_of_plan(disk, load_plan(file.path()), true);
  RC_ASSERT(read_all(again) == read_all(image));
  RC_ASSERT(encode_plan(again) == plan);
  if (image.content() == nullptr) return;
  RC_ASSERT(manifest_of(again) == manifest_of(image));
  emit_and_compare(again);
}

RC_GTEST_PROP(LeftOutProperty, FullImagesHaveZerosThere, ()) {
  ByteVector bytes(between(0, 600'000), std::byte{0x77});
  write_somewhere(bytes);
  const Runs runs = some_runs(bytes.size());
  const ImageOptions options = some_options(false);
  const auto disk = std::make_shared<MemoryDisk>(bytes);
  const bool hashes = *rc::gen::arbitrary<bool>();
  const Image image = make_image(disk, options,
                                 {.what = Full{},
                                  .scan = *rc::gen::element(Scan::kZeros, Scan::kHoles),
                                  .hash_chunk_bits = hashes ? std::optional(16U) : std::nullopt,
                                  .left_out = std::make_shared<ToldLeftOut>(bytes.size(), runs)});
  const ByteVector content = in_sectors(without(bytes, runs, options.cluster_size));
  const auto image_bytes = read_all(image);
  IncrementDecoder decoder(image_bytes, {});
  RC_ASSERT(decoder.disk() == content);
  decoder.check_refcounts();
  compare_with_plan(image, disk);
  if (!hashes) return;
  RC_ASSERT(*image.root() == root_of(content));
  emit_and_compare(image);
}

RC_GTEST_PROP(LeftOutProperty, CompressedImagesAreOfTheSameContent, ()) {
  ByteVector bytes(between(0, 600'000), std::byte{0x77});
  write_somewhere(bytes);
  const Runs runs = some_runs(bytes.size());
  ImageOptions options = some_options(false);
  options.compression = Compression{.type = CompressionType::kZlib};
  const auto disk = std::make_shared<MemoryDisk>(bytes);
  // What is not kept is compressed again, in whole chunks, when it is emitted.
  const Image image = make_image(disk, options,
                                 {.what = Full{},
                                  .spool_memory = *rc::gen::element(0U, 1U << 20),
                                  .hash_chunk_bits = 17,
                                  .left_out = std::make_shared<ToldLeftOut>(bytes.size(), runs)});
  const ByteVector content = in_sectors(without(bytes, runs, options.cluster_size));
  RC_ASSERT(*image.root() == root_of(content));
  emit_and_compare(image);
  compare_with_plan(image, disk);
}

// What is used, freed, and used again without anybody having written to it.
RC_GTEST_PROP(LeftOutProperty, IncrementsHaveWhatTheBaseLeftOut, ()) {
  ByteVector old(between(0, 600'000), *rc::gen::element(std::byte{0}, std::byte{0x77}));
  write_somewhere(old);
  const auto base = std::make_shared<MemoryDisk>(old);
  const Runs old_runs = some_runs(old.size());
  const ImageOptions base_options = some_options(false);
  const Image base_image =
      make_image(base, base_options,
                 {.what = Full{},
                  .hash_chunk_bits = *rc::gen::element(16U, 18U),
                  .left_out = std::make_shared<ToldLeftOut>(old.size(), old_runs)});
  const ByteVector below = in_sectors(without(old, old_runs, base_options.cluster_size));
  const TextFile file(manifest_of(base_image));
  const auto manifest = std::make_shared<const Manifest>(Manifest::load(file.path()));
  RC_ASSERT(manifest->header().root == root_of(below));

  ByteVector bytes = in_sectors(old);
  bytes.resize(*rc::gen::element(bytes.size(), between(0, 1400) * 512));
  write_somewhere(bytes);
  const auto disk = std::make_shared<MemoryDisk>(bytes);
  std::string list;
  for (std::size_t at = 0; at < bytes.size(); at += 512) {
    bool is_changed = false;
    for (std::size_t k = at; k < at + 512; ++k) {
      is_changed = is_changed || bytes[k] != (k < old.size() ? old[k] : std::byte{0});
    }
    if (!is_changed) continue;
    list += fmt::format(R"({}{{"offset":{},"length":512}})", list.empty() ? "" : ",", at);
  }
  const TextFile changed("[" + list + "]");

  const ImageOptions options = some_options(true);
  SurveyOptions asked{.scan = *rc::gen::element(Scan::kZeros, Scan::kHoles),
                      .base_image = manifest};
  Runs runs;
  if (*rc::gen::arbitrary<bool>()) {
    runs = some_runs(bytes.size());
    asked.left_out = std::make_shared<ToldLeftOut>(bytes.size(), runs);
  }
  switch (*rc::gen::inRange(0, 3)) {
    case 0:
      asked.what = AgainstManifest{.base = manifest};
      break;
    case 1:
      asked.what = Against{.base = base};
      break;
    default:
      asked.what = Only{.changes = ChangedList{changed.path()}};
  }
  const bool hashes = *rc::gen::arbitrary<bool>();
  if (hashes) asked.hash_chunk_bits = 18;
  const Image image = make_image(disk, options, asked);
  const auto image_bytes = read_all(image);
  IncrementDecoder decoder(image_bytes, below);
  const ByteVector content = without(bytes, runs, unit_in(options));
  RC_ASSERT(decoder.disk() == content);
  decoder.check_refcounts();
  compare_with_plan(image, disk);
  if (image.content() == nullptr) return;
  RC_ASSERT(*image.root() == root_of(content));
  emit_and_compare(image);
}

// Nobody may emit what the disk holds there, so such a cluster is marked, whatever else is stored.
TEST(LeftOut, IsMarkedWithoutABackingFileToo) {
  const auto disk = std::make_shared<MemoryDisk>(ByteVector(256 << 10, std::byte{1}));
  const Image base = make_image(disk, {}, {.what = Full{}, .hash_chunk_bits = 16});
  const TextFile file(manifest_of(base));
  const auto manifest = std::make_shared<const Manifest>(Manifest::load(file.path()));
  EXPECT_FALSE(manifest->header().left_out);
  const Runs runs = {{GuestOffset(64 << 10), 64 << 10}};
  const auto left_out = std::make_shared<ToldLeftOut>(disk->size(), runs);
  const TextFile nothing("[]");
  for (const Question& what :
       {Question(AgainstManifest{.base = manifest}), Question(Against{.base = disk}),
        Question(Only{.changes = ChangedList{nothing.path()}})}) {
    const Image image =
        make_image(disk, {}, {.what = what, .left_out = left_out, .base_image = manifest});
    EXPECT_EQ(image.measure().zero, 1U);
    EXPECT_EQ(image.measure().data, 0U);
  }
}

TEST(LeftOut, ChangesAreSeenBeforeTheLastPiece) {
  const auto disk = std::make_shared<MemoryDisk>(ByteVector(1 << 20, std::byte{1}));
  const auto left_out =
      std::make_shared<ToldLeftOut>(disk->size(), Runs{{GuestOffset(0), 128 << 10}});
  const Image image = make_image(disk, {}, {.what = Full{}, .left_out = left_out});
  left_out->held.push_back(
      {.range = {GuestOffset(4096), 4096}});  // with a digest of something else
  const UniqueFd fd(::memfd_create("image", MFD_CLOEXEC));
  try {
    emit(image, image.whole(), fd.get());
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kChanged);
  }
  EXPECT_LT(static_cast<std::uint64_t>(::lseek(fd.get(), 0, SEEK_END)), image.size());
}

TEST(LeftOut, IncrementsNeedAManifestOfTheirBase) {
  const auto disk = std::make_shared<MemoryDisk>(ByteVector(1 << 20, std::byte{1}));
  const auto left_out = std::make_shared<ToldLeftOut>(disk->size(), Runs{});
  for (const Scan scan : {Scan::kZeros, Scan::kHoles}) {
    EXPECT_THROW(
        make_image(disk, {}, {.what = Against{.base = disk}, .scan = scan, .left_out = left_out}),
        Error);
  }
  EXPECT_THROW(make_image(disk, {}, {.scan = Scan::kNone, .left_out = left_out}), Error);
}

TEST(LeftOut, UnitsAreWholeOnesOfOneKind) {
  constexpr std::uint64_t kUnit = 4096;
  UnusedUnits units(10 * 4096 + 100, 4096);
  units.add({GuestOffset(1), 4095}, LeftOutKind::kFree);
  units.add({GuestOffset(4096), 4096}, LeftOutKind::kFree);       // together one, and a rest
  units.add({GuestOffset(3 * kUnit), 4095}, LeftOutKind::kFree);  // not to its end
  units.add({GuestOffset(5 * kUnit), 2048}, LeftOutKind::kFree);
  units.add({GuestOffset(5 * kUnit + 2048), 2048}, LeftOutKind::kSwap);
  units.add({GuestOffset(8 * kUnit), 2048}, LeftOutKind::kFree);
  units.add({GuestOffset(7 * kUnit), 4096}, LeftOutKind::kFree);  // before the one before it
  units.add({GuestOffset(9 * kUnit), 4096 + 100}, LeftOutKind::kSwap);
  const auto map = units.finish();
  EXPECT_EQ(bytes_of_units(*map, ClusterKind::kData, 10 * 4096 + 100), 2 * 4096U);
  EXPECT_EQ(bytes_of_units(*map, ClusterKind::kZero, 10 * 4096 + 100), 4096U + 100);
  EXPECT_EQ(map->kind_of(GuestCluster(1)), ClusterKind::kData);
  EXPECT_EQ(map->kind_of(GuestCluster(7)), ClusterKind::kData);
  EXPECT_EQ(map->kind_of(GuestCluster(10)), ClusterKind::kZero);
}

}  // namespace
}  // namespace qcow2stream
