// SPDX-License-Identifier: GPL-2.0-or-later
//
// Opens a chain of images: which files belong to it, and as what each is read.

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

#include "base/shell_quoted.h"
#include "disk/qcow2/chain.h"
#include "disk/qcow2/chain_links.h"
#include "disk/qcow2/dirty_bitmaps.h"
#include "disk/qcow2/image_bitmaps.h"
#include "disk/qcow2/image_file.h"
#include "disk/qcow2/qcow2_disk.h"
#include "disk/qcow2/snapshot_choice.h"
#include "disk/top_of_chain.h"
#include "qcow2/unreadable.h"
#include "qcow2stream/error.h"
#include "qcow2stream/file.h"
#include "qcow2stream/qcow2.h"
#include "system/descriptor_name.h"

namespace qcow2stream {
namespace {

// QEMU itself gives up on chains of 200 images or so.
constexpr std::size_t kMostImages = 256;

// Memory for the tables of the topmost image; the others have a half of it, a third, and so on.
constexpr std::uint64_t kTableCache = 8 << 20;

constexpr std::size_t kAllImages = kMostImages + 1;

[[noreturn]] void throw_for_qemu(const std::string& name, const std::string& reason) {
  throw Error(ErrorKind::kFailed, name, "can be read by QEMU only", reason)
      .about(ErrorSubject::kDisk)
      .advise(Advice::kReadWithQemu);
}

// As QEMU does, QEMU: path_has_protocol().
bool has_protocol(std::string_view name) {
  return name.find(':') < name.find('/');
}

// Whatever is wrong with a file that the user has not named.
Error of_named_file(const Error& error, const std::string& role, const std::string& image) {
  const std::string reason = error.reason().empty() ? "" : error.reason() + "; ";
  Error named(error.kind(), error.name(), error.what_failed(),
              fmt::format("{}it is {} of {}", reason, role, image));
  named.about(error.subject())
      .advise(error.advice(), error.advice_number())
      .with_errno(error.error_number());
  if (error.offset()) named.at(*error.offset());
  return named;
}

class ChainOpener {
 public:
  explicit ChainOpener(const Qcow2Options& options) : options_(options) {
    chain_.lost = options.lost;
  }

  // Opens the first `most` images from `path` on.
  Qcow2Chain open(const std::string& path, std::size_t most) {
    std::string name = path;
    auto file = open_disk(path, {.force_share = options_.force_share});
    while (file != nullptr) {
      check_for_loop(name);
      const Qcow2Image& image = add_image(std::move(file));
      file = nullptr;
      const auto& backing = image.header().backing_file_name;
      if (!backing) break;
      if (chain_.images.size() == most) {
        chain_.is_whole = false;
        break;
      }
      std::string next = backing_path(name, *backing);
      file = open_backing_file(next, name, image.header());
      name = std::move(next);
    }
    return std::move(chain_);
  }

  // Opens an image from which no other file can be found. `alone`: it may have a backing file,
  // which is left out.
  Qcow2Chain open(std::shared_ptr<const Disk> file, bool alone) {
    const Qcow2Image& image = add_image(std::move(file));
    const auto& backing = image.header().backing_file_name;
    if (backing && !alone) refuse_name(image.file(), *backing);
    chain_.is_whole = !backing;
    return std::move(chain_);
  }

  // Opens the images of a chain that somebody else has put together and checked. They are what has
  // been stored of a disk: one that ends within a cluster was cut off.
  Qcow2Chain open(std::span<const Qcow2Link> newest_first) {
    clusters_end_in_file_ = true;
    for (const Qcow2Link& link : newest_first) {
      const bool is_raw =
          !chain_.images.empty() && chain_.images.back()->header().backing_format == "raw";
      if (is_raw) {
        chain_.bottom = link.file;
        return std::move(chain_);
      }
      add_image(link.file);
    }
    const Qcow2Image& last = *chain_.images.back();
    if (const auto& name = last.header().backing_file_name) refuse_increment(last.file(), *name);
    return std::move(chain_);
  }

 private:
  [[noreturn]] static void refuse_name(const Disk& file, const std::string& name) {
    throw Error(ErrorKind::kFailed, file.name(), "refers to another file",
                fmt::format("\"{}\" cannot be found from where it lies", name))
        .about(ErrorSubject::kImage)
        .advise(Advice::kNameImage);
  }

  void check_for_loop(const std::string& path) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) return;
    const std::pair identity{status.st_dev, status.st_ino};
    if (std::ranges::find(seen_, identity) != seen_.end()) {
      qcow2::throw_unreadable(path, "the chain of backing files leads back to it");
    }
    seen_.push_back(identity);
    if (seen_.size() > kMostImages) {
      qcow2::throw_unreadable(
          path, fmt::format("the chain of backing files has more than {} images", kMostImages));
    }
  }

  const Qcow2Image& add_image(std::shared_ptr<const Disk> file) {
    qcow2::Header header = read_qcow2_header(*file);
    if (!header.unknown_features.empty()) {
      throw_for_qemu(file->name(), "it needs what is not known here: " + header.unknown_features);
    }
    if (header.encryption_method != 0) throw_for_qemu(file->name(), "it is encrypted");
    const auto snapshots = if_possible(*file, !options_.snapshot || !chain_.images.empty(),
                                       [&] { return read_snapshots(*file, header); });
    std::optional<qcow2::Snapshot> snapshot;
    if (options_.snapshot && chain_.images.empty()) {
      snapshot = chosen_snapshot(snapshots, *options_.snapshot, file->name());
      chain_.snapshot =
          fmt::format("snapshot {} at {};", snapshot->id, snapshot->l1_offset.value());
    }
    // QEMU opens no image with a damaged directory.
    const auto bitmaps = if_possible(*file, !options_.bitmap || !chain_.images.empty(),
                                     [&] { return read_bitmap_directory(*file, header); });
    const bool is_top = chain_.images.empty();
    if (is_top) chain_.remainder = remainder_of(snapshots, bitmaps);
    auto data = open_data_file(*file, header);
    const Qcow2Reading reading{.cache_bytes = kTableCache / (chain_.images.size() + 1),
                               .salvage = chain_.lost != nullptr,
                               .clusters_end_in_file = clusters_end_in_file_};
    chain_.images.push_back(std::make_unique<const Qcow2Image>(
        std::move(file), std::move(data), std::move(header), snapshot, reading));
    const Qcow2Image& image = *chain_.images.back();
    if (is_top && options_.carry_bitmaps) {
      chain_.bitmaps = std::make_unique<const ImageBitmaps>(image);
    }
    return image;
  }

  // What read() returns. What the disk can do without is nothing where it cannot be read.
  template <class Read>
  std::invoke_result_t<Read> if_possible(const Disk& file, bool can_do_without, const Read& read) {
    try {
      return read();
    } catch (const Error& error) {
      if (chain_.lost == nullptr || !can_do_without) throw;
      const std::string whose = chain_.images.empty() ? "" : file.name() + ": ";
      chain_.caveats.push_back({whose + error.what_failed() + ": " + error.reason()});
      return {};
    }
  }

  [[nodiscard]] Qcow2Remainder remainder_of(std::span<const qcow2::Snapshot> snapshots,
                                            std::span<const qcow2::Bitmap> bitmaps) const {
    Qcow2Remainder remainder{.snapshots = snapshots.size() - (options_.snapshot ? 1 : 0)};
    for (const auto& snapshot : snapshots) remainder.vm_state_bytes += snapshot.vm_state_bytes;
    if (options_.carry_bitmaps) return remainder;
    for (const auto& bitmap : bitmaps) {
      const bool is_read = options_.bitmap && bitmap.name == bare_bitmap_name(*options_.bitmap);
      if (!is_read) remainder.bitmaps.push_back(bitmap.name);
    }
    return remainder;
  }

  [[nodiscard]] std::shared_ptr<const Disk> open_data_file(const Disk& image,
                                                           const qcow2::Header& header) const {
    if ((header.incompatible_features & qcow2::kIncompatibleDataFile) == 0) return nullptr;
    const std::string name = header.data_file_name.value_or("");
    if (seen_.empty()) refuse_name(image, name);
    if (name.empty()) {
      qcow2::throw_unreadable(image.name(),
                              "it keeps its data in another file and does not name it");
    }
    if (has_protocol(name)) throw_for_qemu(image.name(), "its data file is " + name);
    try {
      return open_disk(name, {.force_share = options_.force_share});
    } catch (const Error& error) {
      throw of_named_file(error, "the data file", image.name());
    }
  }

  // Relative to the directory of the image that names it.
  static std::string backing_path(const std::string& image, const std::string& backing) {
    if (backing.starts_with("json:") || has_protocol(backing)) {
      throw_for_qemu(image, "its backing file is " + backing);
    }
    if (backing.starts_with('/')) return backing;
    const std::string behind = names_descriptor(image) ? name_behind_descriptor(image) : image;
    return behind.substr(0, behind.rfind('/') + 1) + backing;
  }

  // Returns the next image of the chain, or nothing where the bottom is reached.
  std::shared_ptr<const Disk> open_backing_file(const std::string& path, const std::string& image,
                                                const qcow2::Header& header) {
    const auto& format = header.backing_format;
    if (format && *format != "qcow2" && *format != "raw") {
      throw_for_qemu(image, fmt::format("its backing file has the format {}", *format));
    }
    std::shared_ptr<const Disk> file;
    std::optional<std::string> magic;
    try {
      file = open_disk(path, {.force_share = options_.force_share});
      if (!format) magic = image_magic(*file);
    } catch (const Error& error) {
      throw of_named_file(error, "the backing file", image);
    }
    if (magic) refuse_guessing(path, *magic, image, *header.backing_file_name);
    if (format && *format == "qcow2") return file;
    chain_.bottom = std::move(file);
    return nullptr;
  }

  // QEMU looks for a magic number there. What a guest has written to a raw disk may begin as an
  // image does that names any file of this machine.
  [[noreturn]] static void refuse_guessing(const std::string& path, const std::string& magic,
                                           const std::string& image, const std::string& backing) {
    throw Error(ErrorKind::kFailed, path,
                fmt::format("begins as a {} image, and no format is recorded for it", magic),
                fmt::format("a guest may have written that; if it is one, say so with qemu-img "
                            "rebase -u -F {} -b {} {}",
                            magic, shell_quoted(backing), shell_quoted(image)))
        .about(ErrorSubject::kDisk);
  }

  const Qcow2Options& options_;
  Qcow2Chain chain_;
  std::vector<std::pair<dev_t, ino_t>> seen_;
  bool clusters_end_in_file_ = false;
};

void check_together(const std::string& name, const Qcow2Options& options) {
  const int asked = (options.snapshot ? 1 : 0) + (options.top ? 1 : 0) + (options.bitmap ? 1 : 0);
  if (asked > 1) {
    throw Error(ErrorKind::kUsage, name, "",
                "a snapshot, the top of a chain and a bitmap exclude each other");
  }
  if (options.carry_bitmaps && (options.snapshot || options.lost != nullptr)) {
    throw Error(ErrorKind::kUsage, name, "",
                "bitmaps are of the disk as it is now, and of a whole image");
  }
}

OpenedQcow2 with_remainder(const std::shared_ptr<const Qcow2Disk>& disk,
                           std::shared_ptr<const Changes> changes) {
  std::shared_ptr<const Disk> shown = disk;
  if (disk->chain().lost != nullptr) shown = salvaging(disk, disk->chain().lost);
  return {{.disk = std::move(shown), .changes = std::move(changes)}, disk->chain().remainder};
}

OpenedQcow2 with_bitmap(Qcow2Chain chain, const Qcow2Options& options) {
  const auto disk = std::make_shared<const Qcow2Disk>(std::move(chain));
  return with_remainder(disk, options.bitmap ? changes_of_bitmap(disk, *options.bitmap) : nullptr);
}

[[noreturn]] void refuse_length(const std::string& name, std::uint64_t images,
                                std::uint64_t wanted) {
  throw Error(ErrorKind::kFailed, name, "has fewer images in its chain",
              fmt::format("{}, not {}", images, wanted))
      .about(ErrorSubject::kDisk);
}

OpenedQcow2 open_top(const std::string& path, const TopImages& wanted,
                     const Qcow2Options& options) {
  const auto top =
      std::make_shared<const Qcow2Disk>(ChainOpener(options).open(path, wanted.images));
  if (top->chain().images.size() < wanted.images) {
    refuse_length(path, top->chain().images.size(), wanted.images);
  }
  const auto changes = changes_of_top(top, wanted.images);
  const std::uint64_t offsets = boundaries(*changes);
  const bool is_enough = !wanted.whole_chain && offsets % wanted.unit == 0;
  if (is_enough || top->chain().is_whole) return with_remainder(top, changes);
  try {
    const auto whole =
        std::make_shared<const Qcow2Disk>(ChainOpener(options).open(path, kAllImages));
    return with_remainder(whole, changes_of_top(whole, wanted.images));
  } catch (const Error& error) {
    if (error.advice() == Advice::kReadWithQemu || wanted.whole_chain) throw;
    const std::string reason = error.name() + ": " + error.what_failed() +
                               (error.reason().empty() ? "" : ": " + error.reason());
    throw_needs_chain(path, offsets, wanted.unit, reason);
  }
}

}  // namespace

OpenedQcow2 open_qcow2(const std::string& path, const Qcow2Options& options) {
  check_together(path, options);
  if (options.top) return open_top(path, *options.top, options);
  return with_bitmap(ChainOpener(options).open(path, kAllImages), options);
}

OpenedQcow2 open_qcow2_chain(std::span<const Qcow2Link> newest_first, const Qcow2Options& options) {
  check_together(newest_first.front().file->name(), options);
  check_qcow2_links(newest_first, options);
  return with_bitmap(ChainOpener(options).open(newest_first), options);
}

OpenedQcow2 open_qcow2(std::shared_ptr<const Disk> file, const Qcow2Options& options) {
  check_together(file->name(), options);
  if (!options.top) return with_bitmap(ChainOpener(options).open(std::move(file), false), options);
  if (options.top->images > 1) refuse_length(file->name(), 1, options.top->images);
  const std::string name = file->name();
  const auto disk =
      std::make_shared<const Qcow2Disk>(ChainOpener(options).open(std::move(file), true));
  const auto changes = changes_of_top(disk, 1);
  const std::uint64_t offsets = boundaries(*changes);
  const bool is_enough = !options.top->whole_chain && offsets % options.top->unit == 0;
  if (!is_enough && !disk->chain().is_whole) {
    throw_needs_chain(name, offsets, options.top->unit, "from there it cannot be found");
  }
  return with_remainder(disk, changes);
}

}  // namespace qcow2stream
