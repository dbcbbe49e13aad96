// SPDX-License-Identifier: GPL-2.0-or-later

#include "disk/qcow2/dirty_bitmaps.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "base/bits.h"
#include "base/shell_quoted.h"
#include "disk/listed_names.h"
#include "disk/qcow2/bitmap_bits.h"
#include "qcow2/unreadable.h"
#include "qcow2stream/error.h"

namespace qcow2stream {
namespace {

using Kind = qcow2::BitmapCluster::Kind;

constexpr std::string_view kQemuPrefix = "qemu:dirty-bitmap:";

// How much of a bitmap is read at once, in bytes.
constexpr std::uint64_t kBitsAtOnce = 64 << 10;

[[noreturn]] void throw_useless(const Disk& file, const std::string& which,
                                const std::string& why) {
  throw Error(ErrorKind::kFailed, file.name(), fmt::format("its dirty {} cannot be used", which),
              why)
      .about(ErrorSubject::kDisk);
}

std::string quoted(std::string_view bitmap) {
  return fmt::format("bitmap '{}'", bitmap);
}

constexpr const char* kWhyStale =
    "a program that does not know bitmaps has written to the image since";
constexpr const char* kWhyInUse =
    "it was not saved when the image was last in use, so changes are missing in it";

// Which bytes of the disk a bitmap marks, in order.
class MarkedBytes {
 public:
  MarkedBytes(const Qcow2Image& image, const qcow2::Bitmap& bitmap)
      : geometry_(image.header().geometry),
        bitmap_(bitmap),
        bytes_of_bits_(qcow2::bytes_of_bitmap(image.disk_size(), bitmap.granularity_bits)),
        stored_(image.file(), image.header().geometry, bitmap) {}

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
    const std::uint64_t begin = align_down(bit, geometry_.cluster_size() * 8);
    const std::uint64_t skipped = align_down(bit - begin, kBitsAtOnce * 8);
    const BitmapBits::Part part = stored_.part_at((begin + skipped) / 8);
    if (part.kind != Kind::kStored) {
      loaded_ = {.begin = begin,
                 .end = begin + geometry_.cluster_size() * 8,
                 .all = part.kind == Kind::kOnes};
      return;
    }
    // The last cluster of them has bytes of which the disk needs none; they may lie behind the end
    // of the file.
    const std::uint64_t length =
        std::min({part.length, kBitsAtOnce, bytes_of_bits_ - (begin + skipped) / 8});
    loaded_ = {.begin = begin + skipped, .end = begin + skipped + length * 8};
    loaded_.bytes.resize(length);
    stored_.read(part.offset, loaded_.bytes);
  }

  const qcow2::Geometry& geometry_;
  const qcow2::Bitmap& bitmap_;
  std::uint64_t bytes_of_bits_;
  BitmapBits stored_;
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

std::vector<qcow2::Bitmap> reliable_bitmaps(const Disk& file, const qcow2::Header& header) {
  if (header.has_stale_bitmaps) throw_useless(file, "bitmaps", kWhyStale);
  auto bitmaps = read_bitmap_directory(file, header);
  const auto in_use = std::ranges::find_if(bitmaps, &qcow2::Bitmap::in_use);
  if (in_use != bitmaps.end()) {
    throw_useless(file, quoted(in_use->name),
                  fmt::format("{}; qemu-img bitmap --remove {} {} removes it", kWhyInUse,
                              shell_quoted(file.name()), shell_quoted(in_use->name)));
  }
  return bitmaps;
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
  const Disk& file = image.file();
  if (image.header().has_stale_bitmaps) throw_useless(file, quoted(bare), kWhyStale);
  std::vector<std::string> names;
  for (qcow2::Bitmap& bitmap : read_bitmap_directory(file, image.header())) {
    if (bitmap.name == bare && bitmap.in_use) throw_useless(file, quoted(bare), kWhyInUse);
    if (bitmap.name == bare) {
      return std::make_shared<BitmapChanges>(std::move(disk), std::move(bitmap));
    }
    names.push_back(bitmap.name);
  }
  throw Error(ErrorKind::kFailed, file.name(), fmt::format("has no dirty bitmap '{}'", bare),
              join_names(names, "the image has none"))
      .about(ErrorSubject::kDisk);
}

}  // namespace qcow2stream
