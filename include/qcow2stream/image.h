// SPDX-License-Identifier: GPL-2.0-or-later
//
// An Image is the output as an object. Its size and every offset are fixed when it is constructed;
// any range of bytes can then be produced on its own and in any order. It is never stored anywhere.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "qcow2stream/disk.h"
#include "qcow2stream/manifest.h"
#include "qcow2stream/options.h"
#include "qcow2stream/survey.h"

namespace qcow2stream {

// A piece of the image that is produced in one way.
struct Segment {
  enum class Kind {
    kGenerated,   // bytes that Image::read() makes: tables and header
    kZeros,       // zeros that are stored nowhere
    kDisk,        // a run of the disk that goes out as it is
    kCompressed,  // made by Image::read() too, but at the cost of compressing: worth more threads
  };
  Kind kind = Kind::kGenerated;
  HostRange range;          // where it lies in the image; never empty
  GuestOffset disk_offset;  // kDisk only: where it lies in the disk
};

// What a range of compressed clusters begins with, where these are not made but stored somewhere.
struct StoredPart {
  std::uint64_t length = 0;    // bytes; not 0
  std::optional<Place> where;  // nothing if Image::read() is the only way to them
};

// A part of the image with its name for people: "header", "refcount-table", "refcount-blocks",
// "l1-table", "l2-tables", "bitmaps", "data-clusters", "zero-clusters", "compressed-clusters" or
// "root-trailer".
struct NamedRegion {
  std::string_view name;
  HostRange range;
};

// What the image costs, and what it consists of.
struct Measurement {
  std::uint64_t required = 0;          // bytes of this image, exact
  std::uint64_t fully_allocated = 0;   // bytes that it would have with every cluster allocated
  std::uint64_t virtual_size = 0;      // bytes that a guest sees: the disk's size rounded up to 512
  ClusterCount data = 0;               // guest clusters with space for their data
  ClusterCount zero = 0;               // guest clusters marked as zeros
  ClusterCount compressed = 0;         // guest clusters stored compressed
  std::uint64_t compressed_bytes = 0;  // bytes that these take
  std::uint64_t compressed_kept = 0;   // how many of these bytes the survey kept
  ClusterCount unallocated = 0;        // guest clusters without an entry
  std::vector<NamedRegion> regions;    // in the order of the image, without gaps
  bool detects_changes = false;        // whether the disk has a stamp
};

// All functions are const, and any number of threads may use one Image at the same time.
class Image {
 public:
  // Lays the image out. `survey` must be the survey of this disk for these options. Throws
  // Error{kFailed} if the image would break a limit of the format or of QEMU, with the numbers and
  // what would fit; Error{kUsage} where find_problem() finds one, and where the survey is of a disk
  // of another size or for another cluster size.
  Image(std::shared_ptr<const Disk> disk, const ImageOptions& options, SurveyResult survey);
  ~Image();
  Image(Image&&) noexcept;
  Image& operator=(Image&&) noexcept;

  // In bytes.
  [[nodiscard]] std::uint64_t size() const;
  [[nodiscard]] HostRange whole() const { return {HostOffset(0), size()}; }
  [[nodiscard]] const Disk& disk() const;
  [[nodiscard]] const ImageOptions& options() const;
  [[nodiscard]] Measurement measure() const;
  // What the survey left out; null where nothing was to be. The runs are those of the content that
  // the image has: zeros where something was left out, data elsewhere.
  [[nodiscard]] std::shared_ptr<const LeftOut> left_out() const;
  [[nodiscard]] std::unique_ptr<RunCursor> left_out_runs() const;
  // Throws Error{kChanged} if what is left out may be in use now, as far as that can be seen.
  void check_left_out() const;

  // Fills `buffer` with the disk's content from `offset`, as the image has it: what was left out
  // reads as zeros, and so does what lies behind the end of the disk.
  void read_content(GuestOffset offset, std::span<std::byte> buffer) const;

  // SurveyResult::surveyed: how much of each cluster has been read once and so can be expected to
  // be readable again. 0 for the image of a saved plan.
  [[nodiscard]] std::uint64_t surveyed() const;

  // The digests of the content, if the survey has hashed it; null otherwise.
  [[nodiscard]] std::shared_ptr<const ManifestBuilder> content() const;

  // The root of the content: of content(), or what was learnt. Nothing if that is not known yet.
  [[nodiscard]] std::optional<ContentDigest> root() const;
  // Says what it is, before its trailer is read.
  void learn_root(const ContentDigest& root) const;
  // Where the trailer with the root begins, which is the end of the image; nothing if it has none.
  [[nodiscard]] std::optional<HostOffset> root_trailer() const;

  // Two images with the same id are the same image as far as the disk's stamp tells. An id is
  // LAYOUT.SOURCE: LAYOUT is a SHA-256 over all metadata and the codec's version (its first 16
  // bytes, in hexadecimal), SOURCE is "root-" and the root where the survey has hashed the content,
  // or else the disk's stamp or "-". All metadata is generated for it, so
  // it takes time in proportion to the allocated clusters.
  [[nodiscard]] std::string id() const;
  // The same with the disk's stamp, or "-", in any case.
  [[nodiscard]] std::string stamp_id() const;

  // Fills `buffer` with the image's bytes from `offset`; the range must lie within size(). Reads
  // the disk where the range covers its data, and compresses what the survey did not keep. Throws
  // Error, kChanged where a cluster does not compress to the size that it had in the survey.
  void read(HostOffset offset, std::span<std::byte> buffer) const;

  class Segments;
  // The segments of `range`, which must lie within size(), in order and clipped to it.
  [[nodiscard]] Segments segments(HostRange range) const;

  // Whether compressed clusters go out as the disk has them (Compression::keep).
  [[nodiscard]] bool keeps_compressed() const;
  // What `range` begins with, which is not empty and lies within a segment that is kCompressed or
  // several of them; for images of which keeps_compressed() is true. Throws Error.
  [[nodiscard]] StoredPart stored_at(HostRange range) const;
  // Tells the disk that such a range will be read soon. Does not wait.
  void will_read_stored(HostRange range) const noexcept;

 private:
  friend std::vector<std::byte> encode_plan(const Image& image, std::uint64_t top_images);
  class Content;
  std::unique_ptr<const Content> content_;
};

// Makes one segment after the other. Adjacent clusters of the disk come as one run. Belongs to
// one thread and must not outlive the image.
class Image::Segments {
 public:
  // The next segment, or nothing at the end of the range.
  std::optional<Segment> next();

 private:
  friend class Image;
  Segments(const Content& content, HostRange range) : content_(&content), rest_(range) {}
  const Content* content_;
  HostRange rest_;
};

}  // namespace qcow2stream
