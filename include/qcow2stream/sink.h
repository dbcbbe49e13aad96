// SPDX-License-Identifier: GPL-2.0-or-later
//
// A Sink is where an image goes, byte after byte. emit() keeps to the order of calls below, so what
// it promises of a failed run holds for every sink.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "qcow2stream/run.h"

namespace qcow2stream {

// What a receiver may want to know before the first byte comes.
struct Announcement {
  std::uint64_t length = 0;  // bytes
  std::string image_id;      // of the whole image; empty if Sink::wants_image_id() is false
  bool flush = false;        // whether flush() will be called at the end
};

// Belongs to one thread at a time. A sink that is destroyed before finish() has been abandoned.
class Sink {
 public:
  virtual ~Sink() = default;
  Sink() = default;
  Sink(const Sink&) = delete;
  Sink& operator=(const Sink&) = delete;

  // What messages call the sink.
  [[nodiscard]] virtual const std::string& name() const = 0;

  // Throws Error{kFailed} if the sink cannot take `length` bytes, or if `flush` asks for a flush
  // that it cannot do. May be called at any time before begin(), and more than once.
  virtual void check(std::uint64_t length, bool flush) const = 0;

  // Whether begin() is to be told the image's id, which takes a SHA-256 of all of its tables.
  [[nodiscard]] virtual bool wants_image_id() const { return false; }
  // Is called once, before the first byte. Throws Error.
  virtual void begin(const Announcement& announcement) = 0;

  // Takes some of `bytes`, at least one, and returns how many; waits for a receiver that is slow.
  // Throws Error{kFailed} about ErrorSubject::kOutput.
  virtual std::size_t write(std::span<const std::byte> bytes) = 0;

  // Lets the kernel move up to `length` bytes from `from` (whose position stays as it is) and
  // returns how many it moved. 0 means that it moved none, for whatever reason: the caller reads
  // and writes them, and so finds out whether there is an error and whose. Never throws.
  // Default: moves none.
  virtual std::uint64_t transfer(const Place& from, std::uint64_t length);
  // How the next transfer will be made, for people: "splice", for example, or "read and write".
  [[nodiscard]] virtual std::string_view method() const { return "read and write"; }

  // transfer() may hand over references to pages of the disk instead of their bytes. This is how
  // many bytes have to be written after them until the last reference has left the queue, and the
  // queues into which a receiver may have handed it on. Default: 0, which is right where only
  // copies go out.
  [[nodiscard]] virtual std::uint64_t queue_size() const { return 0; }
  // Waits until the receiver has taken all but the last `copied` bytes, which were passed to
  // write(). Default: nothing to wait for.
  virtual void wait_until_taken(std::uint64_t copied);

  // Returns when all that was written has reached stable storage. Throws Error.
  virtual void flush() = 0;

  // Is called when all has been written and is right. Closes what has to be closed and waits for a
  // receiver that confirms what it has got. Throws Error, or whatever a sink of a program's own
  // throws.
  virtual void finish() = 0;
};

// A pipe, a file, a socket or a device that is open for writing, blocking or not. It is written
// from its current position, in order, and neither closed nor truncated. `name` is what errors call
// it. finish() has nothing to do. Throws Error{kFailed} if `fd` is not open for writing.
//
// A file that QEMU or this library is reading as an image is not written to, since it may be what
// the image is read from. begin() sees that by QEMU's locks, which open_disk() and open_qemu()
// take, and throws.
std::unique_ptr<Sink> make_descriptor_sink(int fd, std::string name = "output");

}  // namespace qcow2stream
