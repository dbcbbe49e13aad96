// SPDX-License-Identifier: GPL-2.0-or-later

#include "disk/qcow2/dirty_bitmaps.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <utility>

#include "base/bits.h"
#include "base/endian.h"
#include "disk/listed_names.h"
#include "qcow2/unreadable.h"
#include "qcow2stream/error.h"

namespace qcow2stream {
namespace {

using Kind = qcow2::BitmapCluster::Kind;

constexpr std::string_view kQemuPrefix = "qemu:dirty-bitmap:";
constexpr std::uint64_t kTableEntrySize = 8;

// How much of a bitmap is read at once, in bytes.
constexpr std::uint64_t kBitsAtOnce = 64 << 10;

[[noreturn]] void throw_damaged(const std::string& file, const std::string& bitmap) {
  throw Error(ErrorKind::kFailed, file, fmt::format("its dirty bitmap '{}' cannot be used", bitmap),
              "its table is damaged")
      .about(ErrorSubject::kDisk);
}

// Which bytes of the disk a bitmap marks, in order.
class MarkedBytes {
 public:
  MarkedBytes(const Qcow2Image& image, const qcow2::Bitmap& bitmap)
      : file_(image.file()), geometry_(image.header().geometry), bitmap_(bitmap) {}

  // What `range`, which is not empty, begins with: marked or not, as far as it is alike.
  struct Stretch {
    GuestRange range;
    bool marked = false;
  };
  Stretch stretch_at(GuestRange range) {
    const std::uint64_t first = range.begin.value() >> bitmap_.granularity_bits;
    const Bits& bits = bits_at(first);
    std::uint64_t end = first + 1;
    const bool marked = bits.is_set(first);
    while (end < bits.end && bits.is_set(end) == marked) ++end;
    const std::uint64_t end_byte = end << bitmap_.granularity_bits;
    return {.range = range.first(end_byte - range.begin.value()), .marked = marked};
  }

 private:
  // Some bits that are there at once: [begin, end).
  struct Bits {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
    std::optional<bool> all;  // or else those of `bytes`
    std::vector<std::byte> bytes{};

    [[nodiscard]] bool is_set(std::uint64_t bit) const {
      if (all) return *all;
      const std::uint64_t i = bit - begin;
      return (std::to_integer<unsigned>(bytes[i / 8]) >> i % 8 & 1) != 0;
    }
  };

  const Bits& bits_at(std::uint64_t bit) {
    if (bit < loaded_.begin || bit >= loaded_.end) load(bit);
    return loaded_;
  }

  void load(std::uint64_t bit) {
    const std::uint64_t in_cluster = geometry_.cluster_size() * 8;
    const std::uint64_t index = bit / in_cluster;
    const qcow2::BitmapCluster cluster =
        qcow2::decode_bitmap_cluster(table_entry(index), geometry_);
    loaded_ = {.begin = index * in_cluster, .end = (index + 1) * in_cluster};
    if (cluster.kind == Kind::kInvalid) throw_damaged(file_.name(), bitmap_.name);
    if (cluster.kind != Kind::kStored) {
      loaded_.all = cluster.kind == Kind::kOnes;
      return;
    }
    const std::uint64_t skipped = align_down(bit - loaded_.begin, kBitsAtOnce * 8);
    loaded_.begin += skipped;
    loaded_.end = std::min(loaded_.end, loaded_.begin + kBitsAtOnce * 8);
    loaded_.bytes.resize((loaded_.end - loaded_.begin) / 8);
    read(cluster.offset + skipped / 8, loaded_.bytes);
  }

  std::uint64_t table_entry(std::uint64_t index) {
    if (index >= bitmap_.table_entries) throw_damaged(file_.name(), bitmap_.name);
    std::array<std::byte, kTableEntrySize> entry{};
    read(bitmap_.table_offset + index * kTableEntrySize, entry);
    return load_big<std::uint64_t>(entry.data());
  }

  void read(HostOffset offset, std::span<std::byte> buffer) const {
    if (offset.value() > file_.size() || buffer.size() > file_.size() - offset.value()) {
      throw_damaged(file_.name(), bitmap_.name);
    }
    file_.read(GuestOffset(offset.value()), buffer);
  }

  const Disk& file_;
  const qcow2::Geometry& geometry_;
  const qcow2::Bitmap& bitmap_;
  Bits loaded_;
};

// Of what is marked, the disk says what reads as zeros.
class BitmapRuns final : public RunCursor {
 public:
  BitmapRuns(const Qcow2Disk& disk, const Qcow2Image& image, const qcow2::Bitmap& bitmap)
      : disk_(disk), marks_(image, bitmap), rest_{GuestOffset(0), disk.size()} {}

  std::optional<Run> next() override {
    if (marked_ != nullptr) {
      if (const auto run = marked_->next()) return run;
      marked_.reset();
    }
    if (rest_.length == 0) return std::nullopt;
    const auto [range, marked] = marks_.stretch_at(rest_);
    rest_ = rest_.without_first(range.length);
    if (!marked) return Run{.range = range, .holds = Run::Holds::kBelow};
    marked_ = disk_.runs(range);
    return marked_->next();
  }

 private:
  const Qcow2Disk& disk_;
  MarkedBytes marks_;
  GuestRange rest_;
  std::unique_ptr<RunCursor> marked_;
};

class BitmapChanges final : public Changes {
 public:
  BitmapChanges(std::shared_ptr<const Qcow2Disk> disk, qcow2::Bitmap bitmap)
      : disk_(std::move(disk)), bitmap_(std::move(bitmap)) {}

  [[nodiscard]] std::unique_ptr<RunCursor> runs() const override {
    return std::make_unique<BitmapRuns>(*disk_, *disk_->chain().images.front(), bitmap_);
  }

 private:
  std::shared_ptr<const Qcow2Disk> disk_;
  qcow2::Bitmap bitmap_;
};

}  // namespace

std::vector<qcow2::Bitmap> read_bitmap_directory(const Disk& file, const qcow2::Header& header) {
  if (!header.bitmaps) return {};
  const HostRange range = header.bitmaps->range;
  const auto refuse = [&](const char* reason) { qcow2::throw_unreadable(file.name(), reason); };
  if (range.begin.value() > file.size() || range.length > file.size() - range.begin.value()) {
    refuse("its bitmap directory lies behind the end of the file");
  }
  std::vector<std::byte> directory(range.length);
  file.read(GuestOffset(range.begin.value()), directory);
  auto bitmaps = qcow2::decode_bitmap_directory(directory, header.bitmaps->count, header.geometry,
                                                header.virtual_size);
  if (!bitmaps) refuse("its bitmap directory is damaged");
  return *std::move(bitmaps);
}

std::string_view bare_bitmap_name(std::string_view name) {
  return name.starts_with(kQemuPrefix) ? name.substr(kQemuPrefix.size()) : name;
}

std::shared_ptr<const Changes> changes_of_bitmap(std::shared_ptr<const Qcow2Disk> disk,
                                                 const std::string& name) {
  const std::string_view bare = bare_bitmap_name(name);
  if (bare.empty()) {
    throw Error(ErrorKind::kUsage, name, "", "not the name of a dirty bitmap");
  }
  const Qcow2Image& image = *disk->chain().images.front();
  if (image.header().has_stale_bitmaps) {
    throw Error(ErrorKind::kFailed, image.file().name(),
                fmt::format("its dirty bitmap '{}' cannot be used", bare),
                "a program that does not know bitmaps has written to the image since")
        .about(ErrorSubject::kDisk);
  }
  std::vector<std::string> names;
  for (qcow2::Bitmap& bitmap : read_bitmap_directory(image.file(), image.header())) {
    if (bitmap.name == bare && bitmap.in_use) {
      throw Error(ErrorKind::kFailed, image.file().name(),
                  fmt::format("its dirty bitmap '{}' cannot be used", bare),
                  "it was not saved when the image was last in use, so changes are missing in it")
          .about(ErrorSubject::kDisk);
    }
    if (bitmap.name == bare) {
      return std::make_shared<BitmapChanges>(std::move(disk), std::move(bitmap));
    }
    names.push_back(bitmap.name);
  }
  throw Error(ErrorKind::kFailed, image.file().name(),
              fmt::format("has no dirty bitmap '{}'", bare),
              join_names(names, "the image has none"))
      .about(ErrorSubject::kDisk);
}

}  // namespace qcow2stream
