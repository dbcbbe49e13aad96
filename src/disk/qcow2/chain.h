// SPDX-License-Identifier: GPL-2.0-or-later
//
// A chain of images as one disk: which of them holds a part of it, and where.

#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "disk/qcow2/image_file.h"
#include "qcow2stream/disk.h"
#include "qcow2stream/qcow2.h"
#include "qcow2stream/types.h"

namespace qcow2stream {

// Images, from the topmost on, and a raw disk below them, or nothing.
struct Qcow2Chain {
  std::vector<std::unique_ptr<const Qcow2Image>> images;
  std::shared_ptr<const Disk> bottom;
  // Where images below these are not opened, nobody knows what is there.
  bool is_whole = true;
  // What tells an internal snapshot of the topmost image that is read from the others; empty where
  // its disk is read as it is.
  std::string snapshot;
  // Of the topmost image.
  Qcow2Remainder remainder;

  // Each file once, in the order of the chain.
  [[nodiscard]] std::vector<const Disk*> files() const;
};

// A part of the disk that is alike from end to end.
struct ChainPart {
  enum class Kind {
    kZeros,
    kBelow,       // none of the images that were asked has it
    kPlain,       // bytes of `disk`, from `offset` on
    kBottom,      // the same, and `disk` is the bottom, which may know of zeros in it
    kCompressed,  // see `extent`, of `image`
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
  explicit ChainWalk(const Qcow2Chain& chain) : ChainWalk(chain, chain.images.size()) {}
  // Asks the first `images` only: what they leave to those below is kBelow.
  ChainWalk(const Qcow2Chain& chain, std::size_t images);

  // What `range`, which is not empty and lies within the disk, begins with. Throws Error.
  ChainPart part_at(GuestRange range);

 private:
  const Qcow2Extent& extent_at(std::size_t image, GuestRange range);
  [[nodiscard]] ChainPart part_of_image(const Qcow2Extent& extent, const Qcow2Image& image,
                                        GuestRange range) const;
  [[nodiscard]] ChainPart part_of_bottom(GuestRange range) const;

  const Qcow2Chain& chain_;
  std::size_t images_;
  std::vector<Qcow2Extent> last_;  // of each image; empty ones say nothing
};

}  // namespace qcow2stream
