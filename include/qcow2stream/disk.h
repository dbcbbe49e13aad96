// SPDX-License-Identifier: GPL-2.0-or-later
//
// A Disk is the input, whatever it comes from. The functions in file.h, nbd.h, qemu.h and stream.h
// open one. A program may also derive a class of its own: size(), name() and read() are enough, and
// the other functions make it faster.
//
// A disk says in traits() what it can do. Nobody asks which kind of disk it is.

#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "qcow2stream/error.h"
#include "qcow2stream/run.h"
#include "qcow2stream/types.h"

namespace qcow2stream {

class DiskBitmaps;     // disk_bitmaps.h
class StoredClusters;  // stored_clusters.h

// Keeps reads in flight. A queue belongs to one thread; a disk hands out as many as are asked for.
// Destroying a queue waits for what is still in flight, so that no buffer is written to afterwards.
class RequestQueue {
 public:
  virtual ~RequestQueue() = default;
  // Starts a read of exactly buffer.size() bytes, at least one, which must lie within the disk.
  // `buffer` must stay valid until wait() has returned `tag` or the queue is destroyed.
  // At most `requests_in_flight` of traits() may be under way. May block. Throws Error.
  virtual void submit(GuestOffset offset, std::span<std::byte> buffer, std::uint64_t tag) = 0;
  // Starts a read as submit() does, of the beginning of `cluster`, by somebody who asks only
  // whether all of `cluster` reads as zeros. Where it is known that it does not, the buffer may be
  // filled with anything that is not all zeros. Default: submit().
  virtual void submit_probe(GuestRange cluster, std::span<std::byte> buffer, std::uint64_t tag);
  // Waits until a read has finished, in any order, and returns its tag. There must be one in
  // flight. Throws the Error of a read that failed (kChanged where the disk ends too early).
  virtual std::uint64_t wait() = 0;
};

// How a disk likes to be used. Numbers are advice for speed: results never depend on them.
struct DiskTraits {
  // Whether runs() knows more than "everything is data".
  bool knows_zeros = false;
  // Whether run_at() says where data lies, so that the kernel can copy it: of none of it, of some,
  // or of all.
  enum class Places { kNone, kSome, kAll };
  Places places = Places::kNone;
  // A good size for reading in sequence, in bytes.
  std::uint32_t request_size = 1U << 20;
  // Requests that one queue takes at once.
  unsigned requests_in_flight = 1;
  // How many queues work independently of each other. More may be had, but they share what these
  // have.
  unsigned queues = 1024;
};

// What tells two states of a source apart on every host that sees it. For files it is what is here.
struct DiskStamp {
  std::uint64_t size = 0;     // bytes
  std::int64_t mtime_ns = 0;  // nanoseconds since 1970-01-01 00:00 UTC
  // Of a disk that is made of more than one file, a checksum of the sizes and times of the others;
  // also of which snapshot it is. 0 where there is nothing of that kind.
  std::uint64_t others = 0;
  friend bool operator==(const DiskStamp&, const DiskStamp&) = default;
};

// Something that a user should know: one line of text without the disk's name, and what may help.
struct Caveat {
  std::string text;
  Advice advice = Advice::kNone;
};

// All functions are const and may be called by several threads at once.
class Disk {
 public:
  virtual ~Disk() = default;

  // What messages call the disk.
  [[nodiscard]] virtual const std::string& name() const = 0;
  // In bytes; need not be a multiple of 512. Constant for the life of the object.
  [[nodiscard]] virtual std::uint64_t size() const = 0;
  // Fills `buffer` with what begins at `offset`. The range must lie within size(). Throws Error,
  // kChanged if the disk ends before the range does. There are no short reads and there is no
  // padding.
  virtual void read(GuestOffset offset, std::span<std::byte> buffer) const = 0;

  [[nodiscard]] virtual DiskTraits traits() const;
  // What `range`, which lies within size(), holds: data or zeros. "Data" is a claim about
  // allocation only: its bytes may still be zeros, those of zeros never are anything else.
  // Default: one run of data.
  [[nodiscard]] virtual std::unique_ptr<RunCursor> runs(GuestRange range) const;
  // The run that `range` begins with, as far as that is known without asking anybody: it is data
  // unless it is known to be zeros, and has its place if there is one. `range` must lie within
  // size() and not be empty. Default: all of it is data, without a place.
  [[nodiscard]] virtual Run run_at(GuestRange range) const;
  // A queue for the calling thread, for reads in any order. It must not outlive the disk. Default:
  // a queue that calls read(), one request at a time.
  [[nodiscard]] virtual std::unique_ptr<RequestQueue> queue() const;
  // Tells the disk that `range` will be read soon and in sequence, through read() or from its
  // place. Must not wait for the data. Default: does nothing.
  virtual void will_read(GuestRange range) const noexcept;
  // The stamp that was taken when the disk was opened. Nothing for sources of which nobody can see
  // whether they were overwritten, such as block devices.
  [[nodiscard]] virtual std::optional<DiskStamp> stamp() const;
  // Throws Error{kChanged} if the disk is known to have changed since it was opened. Default: does
  // nothing, which is right where stamp() is nothing.
  virtual void check_unchanged() const;
  // Its clusters that are stored compressed; belongs to the disk. Default: null, nothing is known
  // of them.
  [[nodiscard]] virtual const StoredClusters* stored_clusters() const;
  // Its dirty bitmaps, which an image of it can take over; belongs to the disk. Default: null, none
  // that could be read.
  [[nodiscard]] virtual const DiskBitmaps* bitmaps() const;
  // What the content depends on beside the source: an image's id covers it. Default: nothing.
  [[nodiscard]] virtual std::string id_addition() const;
  // What the user should know before trusting in the content. Default: nothing.
  [[nodiscard]] virtual std::vector<Caveat> caveats() const;
};

// Decides what is done about a disk that has changed although all of it could be read. It is called
// with what check_unchanged() would throw.
using OnChange = std::function<void(const Error&)>;

// As disk.check_unchanged(), but hands a change to `on_change`, unless that is empty, and returns.
// A disk that has become shorter is an error all the same (with an offset, its end): QEMU, for one,
// reads zeros there.
void check_unchanged(const Disk& disk, const OnChange& on_change);

// A disk that is the first `size` bytes of `disk`. Throws Error{kFailed} if it has fewer.
std::shared_ptr<const Disk> first_bytes(std::shared_ptr<const Disk> disk, std::uint64_t size);

// The first bytes of a sequential disk that can be read at any time.
inline constexpr std::uint64_t kSequentialStart = 512;

// The name of the image format whose magic number stands at the start of the disk ("qcow2",
// "vmdk", "vdi", "vhdx", "vpc", "qed", "parallels", "bochs", "cloop"), or nothing. Such a disk is
// rarely meant to be wrapped as it is. Throws Error if the disk cannot be read.
std::optional<std::string> image_magic(const Disk& disk);

// The same for formats whose magic number stands in the last 512 bytes ("dmg", and "vpc" of fixed
// size). QEMU takes such images for raw unless their name or the user says otherwise. Must not be
// asked of a sequential disk, whose end comes last.
std::optional<std::string> image_trailer(const Disk& disk);

// The name of the compression ("gzip", "zstd", "xz", "bzip2", "lz4") whose magic number stands at
// the start of the disk, or nothing. Throws Error if the disk cannot be read.
std::optional<std::string> compression_magic(const Disk& disk);

}  // namespace qcow2stream
