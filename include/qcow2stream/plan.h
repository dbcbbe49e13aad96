// SPDX-License-Identifier: GPL-2.0-or-later
//
// A plan keeps a survey in a file. With it any part of the image can be made wherever the same disk
// can be read, in another process or on another host, without another survey. It has digests of
// what the survey hashed: of the content, and of what says that something is left out.
//
// The file is versioned and ends with a SHA-256 of all before it. That finds damage, not malice: a
// plan from a stranger can make a wrong image, and nothing worse.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "qcow2stream/disk.h"
#include "qcow2stream/image.h"
#include "qcow2stream/options.h"
#include "qcow2stream/survey.h"

namespace qcow2stream {

// What a file with a plan of any version begins with.
inline constexpr std::string_view kPlanBeginning = "qcow2-to-stdout plan ";

struct SavedPlan {
  std::string name;  // what messages call the plan: its file
  ImageOptions options;
  std::uint64_t disk_size = 0;     // bytes
  std::optional<DiskStamp> stamp;  // of the disk, where it had one
  std::string image_id;
  std::string codec;  // the codec's version; empty without compression
  // All data in it is what so many images of a chain, from the topmost on, hold themselves, so that
  // these are enough to emit it. 0: the whole chain is needed.
  std::uint64_t top_images = 0;
  // Has the map, the digests of the content if it was hashed, and what was left out if something
  // was to be.
  SurveyResult survey;
};

// The content of a file with the plan of `image`. A part of it is no plan, and load_plan() finds
// that out. `top_images` says that the survey was of what so many images hold (TopImages;
// QemuOptions::top_image_unit is 1).
std::vector<std::byte> encode_plan(const Image& image, std::uint64_t top_images = 0);

// Reads a plan. Takes memory in proportion to what the file really holds. Throws Error{kFailed} if
// the file cannot be read, does not come from encode_plan(), is of another version, or is damaged.
SavedPlan load_plan(const std::string& path);

// The image of the plan. Throws Error{kMismatch} if it is the plan of another disk (size or stamp),
// if the codec that is linked here makes other bytes, or if this version of the library lays images
// out differently. A stamp that one of both lacks is a mismatch, too, unless the plan has digests
// of the content, with which emit() compares what it sends. With `assume_unchanged` stamps are not
// looked at. What says that something was left out is compared in any case, before an emission ends
// (Image::check_left_out()).
Image image_of_plan(std::shared_ptr<const Disk> disk, SavedPlan plan, bool assume_unchanged);

// Whether only an emission can find out that `disk` is not what it was when the plan was made: one
// of both has no stamp, and the plan has digests of the content. Whoever takes bytes from the image
// in another way (Image::read()) then has nothing that says that they are right.
bool only_emission_compares(const SavedPlan& plan, const Disk& disk);

}  // namespace qcow2stream
