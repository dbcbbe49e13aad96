// SPDX-License-Identifier: GPL-2.0-or-later
//
// Restores disks from qcow2 images that come as streams, or that can be read at any place.

#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "qcow2stream/digest.h"
#include "qcow2stream/disk.h"
#include "qcow2stream/progress.h"
#include "qcow2stream/proof.h"
#include "qcow2stream/salvage.h"
#include "qcow2stream/target.h"

namespace qcow2stream {

// An image of which the header has been read.
struct BegunImage {
  std::string name;
  std::uint64_t disk_size = 0;  // bytes
  std::optional<std::string> backing_file;
  std::optional<ImageRoots> roots;  // of a stream, without its own
};

struct RestoreOptions {
  // What is done to the target.
  enum class Writing {
    kAll,          // all of the disk is written
    kDifferences,  // the target is read, and only what differs is written
    kNothing,      // the target is compared only
  };
  Writing writing = Writing::kAll;
  // The first image may be an increment: the target holds the content of its base, and what the
  // image leaves to that stays as it is. Otherwise an increment is refused.
  bool apply = false;
  // Data that is zeros is written with Target::zero().
  bool sparse = true;
  // With Writing::kNothing, what differs, in no order; from several threads, but never two at once.
  std::function<void(GuestRange)> on_difference;
  // Worker threads, which decode and write; 0 means one a core.
  unsigned threads = 0;
  // What arrives before it is known where it belongs is kept: in memory up to `spool_memory` bytes,
  // then in a file without a name in `spool_directory`.
  std::uint64_t spool_memory = 64ULL << 20;
  std::optional<std::string> spool_directory;
  // The largest disk that is accepted, in bytes.
  std::optional<std::uint64_t> max_size;
  // Streams are not trusted: they are taken apart by the confined program of confined.h, and what
  // that says is checked. `spool_directory` is not used then.
  bool isolate = false;
  // Bytes a second, on the average, at most: of a stream that is read, and of what is written to
  // the target or read of it. 0: there is no limit.
  std::uint64_t most_per_second = 0;
  // If given, a damaged image gives what it still has: what is cut off, what a table maps that
  // makes no sense or does not come, and a compressed cluster that does not decode is noted there
  // and becomes zeros, or with `apply` is left alone. The header must be whole. Of an image that is
  // a Disk, that is for open_qcow2() to do (Qcow2Options::lost).
  std::shared_ptr<LostRanges> lost;
  // What all images together make of the target, which is proven before that is finished. Not
  // together with `lost`.
  ExpectedContent expected;
  // Is called with each image before anything of it is written.
  std::function<void(const BegunImage&)> on_image;
  // Is filled in while the restore runs, if given. Must outlive it. `spool_done` counts the bytes
  // of streams, `check_done` and `check_total` those of a target that is read to see whether an
  // increment belongs there, `emit_done` and `emit_total` those of the disk.
  Progress* progress = nullptr;
};

// One image of a restore that comes as a stream.
struct StreamedImage {
  int fd = -1;  // blocking or not; is neither owned nor closed
  // In place of it: fills the buffer with what comes next, and returns how much that is, less only
  // at the end of the stream. Throws Error.
  std::function<std::size_t(std::span<std::byte>)> read;
  // The same, where it can be read at any place; without `fd`, its bytes are the stream.
  std::shared_ptr<const Disk> file;
  std::string name;
  // How many bytes must come. Without it there may be any number.
  std::optional<std::uint64_t> size;
  // Digests of all of its bytes.
  std::vector<DigestAlgorithm> digests;
  // No other image follows.
  bool is_last = true;
};

struct RestoredImage {
  std::uint64_t disk_size = 0;     // bytes
  std::uint64_t stream_bytes = 0;  // how many came
  std::vector<Digest> digests;     // in the order in which they were asked for
  std::optional<std::string> backing_file;
  std::optional<ImageRoots> roots;
  std::uint64_t spooled = 0;  // bytes that were kept at once, at most
  // Things that do no harm, for people: without the name, one line each.
  std::vector<std::string> remarks;
};

struct RestoreResult {
  std::uint64_t disk_size = 0;  // bytes
  std::uint64_t written = 0;    // bytes written to the target as data
  std::uint64_t zeroed = 0;     // bytes made zeros by Target::zero()
  std::uint64_t equal = 0;      // bytes that the target held already
  std::uint64_t different = 0;  // bytes that differed (kDifferences, kNothing)
  // The digests of its content, if it was hashed for any reason.
  std::shared_ptr<ManifestBuilder> content;
};

// Restores one image, or one after the other, to a target. Belongs to one thread.
//
// The first MiB of a target that keeps failures, and the last, are zeros from before the first
// write to the end of finish() (Writing::kAll without `apply`), so that what failed does not look
// like a disk.
//
// Functions throw Error: kDamaged about kImage for an image that is damaged, cut off, or followed
// by something else than was announced; kMismatch about kImage for an increment whose base is not
// there (Advice::kApply); kFailed about kImage for what cannot be read or is not supported, about
// kSpool (Advice::kMoreSpool) where there is no room to keep what comes too early, about kTarget
// for the target. After an error only the destructor may be called.
class Restore {
 public:
  // `target` must outlive it.
  Restore(Target& target, RestoreOptions options);
  ~Restore();
  Restore(const Restore&) = delete;
  Restore& operator=(const Restore&) = delete;

  // Reads the stream to its end. Each image but the first is applied to those before it. No name
  // that the image has is opened.
  RestoredImage add(const StreamedImage& image);

  // Restores what `disk` shows, a full image: first and only. `roots` are what it says of itself.
  // With kDifferences and a manifest, nothing is read of it that the target has already.
  void add(const Disk& disk, const std::optional<ImageRoots>& roots = {});

  // All images are there and are right: writes what was held back, flushes, and finishes the
  // target.
  RestoreResult finish();

 private:
  class Work;
  std::unique_ptr<Work> work_;
};

struct CheckedImage {
  std::uint64_t disk_size = 0;     // bytes
  std::uint64_t stream_bytes = 0;  // how many came
  std::vector<Digest> digests;
  std::optional<std::string> backing_file;
  std::uint64_t data_clusters = 0;
  std::uint64_t compressed_clusters = 0;
  std::shared_ptr<ManifestBuilder> content;  // as RestoreResult has it; none of an increment
  std::uint64_t leaked_clusters = 0;         // their count is higher than what refers to them
  std::vector<std::string> remarks;
};

// Checks images without a target, oldest first. Belongs to one thread.
class ImageCheck {
 public:
  // Uses `threads`, the spool, `max_size`, `most_per_second`, `expected` and `on_image` of the
  // options.
  explicit ImageCheck(RestoreOptions options = {});
  ~ImageCheck();
  ImageCheck(const ImageCheck&) = delete;
  ImageCheck& operator=(const ImageCheck&) = delete;

  // As check_image(), but what is expected of the content is expected of what all images make. Each
  // but the first is applied to those before it.
  CheckedImage add(const StreamedImage& image);
  // All images have come. Throws Error{kDamaged} where they make another content than is expected;
  // kFailed where that is not known: of chunks of 64 KiB that an increment has changed in part, the
  // rest is known to nobody without a target. Returns the digests of it, if it was hashed.
  std::shared_ptr<ManifestBuilder> finish();

 private:
  class Work;
  std::unique_ptr<Work> work_;
};

// Reads a stream to its end and checks that it is a sound image, as `qemu-img check` does: its
// structure, also that of its snapshots and dirty bitmaps, that each cluster's count is not lower
// than the number of references to it, that those which say that theirs is the only one
// (QCOW_OFLAG_COPIED) are right, and beyond that, that all compressed clusters decode. Uses
// `threads`, the spool, `max_size`, `most_per_second` and `on_image` of the options. Throws as
// Restore does.
//
// What snapshots and bitmaps refer to is read in `file` where that is given. Else all that may be
// needed for it is kept, which takes the spool once more; where there is no room for it, a remark
// says that it was not gone through.
CheckedImage check_image(const StreamedImage& image, const RestoreOptions& options = {});

}  // namespace qcow2stream
