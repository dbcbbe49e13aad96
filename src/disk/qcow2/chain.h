// SPDX-License-Identifier: GPL-2.0-or-later
//
// A chain of images is one disk. This says which image holds a part of it, and where it lies there.

#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "disk/qcow2/image_file.h"
#include "qcow2stream/disk.h"
#include "qcow2stream/disk_bitmaps.h"
#include "qcow2stream/qcow2.h"
#include "qcow2stream/salvage.h"
#include "qcow2stream/types.h"

namespace qcow2stream {

// The images of a chain, of which the first is the topmost one, and the raw disk below them, which
// is null where there is none.
struct Qcow2Chain {
  std::vector<std::unique_ptr<const Qcow2Image>> images;
  std::shared_ptr<const Disk> bottom;
  // False where there are images below these that were not opened.
  bool is_whole = true;
  // Tells the internal snapshot of the topmost image that is read from its others. Empty where the
  // disk is read as it is now.
  std::string snapshot;
  // Says what else the topmost image holds.
  Qcow2Remainder remainder;
  // Those of the topmost image, if they were asked for; else null.
  std::unique_ptr<const DiskBitmaps> bitmaps;
  // What the tables lack, and clusters that cannot be decoded, are noted there and read as zeros.
  // Null: they are errors.
  std::shared_ptr<LostRanges> lost;
  // What of the images besides the disk could not be read.
  std::vector<Caveat> caveats;

  // A reason that has to do with one of the files.
  [[nodiscard]] std::string in_words(const Disk& file, const std::string& reason) const;
  [[nodiscard]] const std::string& name() const { return images.front()->file().name(); }

  // Returns each file once, in the order of the chain.
  [[nodiscard]] std::vector<const Disk*> files() const;
};

// A part of the disk that lies in one place, or is alike from end to end.
struct ChainPart {
  enum class Kind {
    kZeros,
    kBelow,       // none of the images that were asked holds it
    kPlain,       // it is bytes of `disk`, from `offset` on
    kBottom,      // the same, but `disk` is the bottom, which may know of zeros in it
    kCompressed,  // `extent` of `image` says where its data is
  };
  Kind kind = Kind::kZeros;
  GuestRange range;
  const Disk* disk = nullptr;
  GuestOffset offset;
  const Qcow2Image* image = nullptr;
  Qcow2Extent extent;
};

// Looks parts up, and remembers for each image what it said last: walking in order asks the tables
// for an extent only once. Belongs to one thread; the chain must outlive it.
class ChainWalk {
 public:
  explicit ChainWalk(const Qcow2Chain& chain) : ChainWalk(chain, std::nullopt) {}
  // Asks the first `images` of them only. What these leave to the others, or to a raw disk below
  // all of them, is kBelow.
  static ChainWalk of_top(const Qcow2Chain& chain, std::size_t images) { return {chain, images}; }

  // Returns what `range` begins with, which is not empty and lies within the disk. Throws Error.
  ChainPart part_at(GuestRange range);

 private:
  ChainWalk(const Qcow2Chain& chain, std::optional<std::size_t> top);

  const Qcow2Extent& extent_at(std::size_t image, GuestRange range);
  [[nodiscard]] ChainPart part_of_image(const Qcow2Extent& extent, const Qcow2Image& image,
                                        GuestRange range) const;
  [[nodiscard]] ChainPart part_of_bottom(GuestRange range) const;

  const Qcow2Chain& chain_;
  std::size_t images_;
  bool is_top_;
  std::vector<Qcow2Extent> last_;  // one an image; an empty extent says nothing
};

}  // namespace qcow2stream
