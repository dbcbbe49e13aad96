// SPDX-License-Identifier: GPL-2.0-or-later
//
// The descriptor that an image is written to: what it is, and the ways to get bytes into it.

#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "qcow2stream/run.h"

namespace qcow2stream {

// Belongs to one thread. Does not own the descriptor.
class Output {
 public:
  enum class Kind { kPipe, kSocket, kFile, kOther };

  // Throws Error{kFailed} if `fd` is not open for writing.
  Output(int fd, std::string name);

  // Throws Error{kFailed} if it is a block device with less than `length` bytes behind its
  // position.
  void check_room(std::uint64_t length) const;

  // Throws Error{kFailed} if it is neither a file nor a block device.
  void check_flush() const;

  // Throws Error{kFailed} if it is a file or block device that somebody reads as an image
  // (base/qemu_locks.h).
  void check_unread() const;

  // Has the system write what it was given to where it stays. Throws Error.
  void flush() const;

  // Writes some of `bytes` and returns how many; waits where a non-blocking descriptor is full.
  // Throws Error.
  std::size_t write(std::span<const std::byte> bytes) const;

  // Lets the kernel move up to `length` bytes from `from` (whose position stays as it is) and
  // returns how many it moved. 0 means that it moved none, for whatever reason: the caller reads
  // and writes them, and so finds out whether there is an error and whose. Never throws.
  std::uint64_t transfer(const Place& from, std::uint64_t length);

  // transfer() may hand over references to pages of the disk instead of their bytes. So many bytes,
  // written after them, push the last of these out of the queue, and out of those into which a
  // reader may have handed them on (0 where only copies go out).
  [[nodiscard]] std::uint64_t queue_size() const;

  // Waits until the reader has taken all but the last `copied` bytes, which were passed to write().
  void wait_until_taken(std::uint64_t copied) const;

  // "splice", "copy_file_range", "sendfile" or "read and write": what the next transfer will use.
  [[nodiscard]] const char* method_name() const;

 private:
  enum class Method { kSplice, kCopyFileRange, kSendfile };

  [[nodiscard]] ssize_t call(Method method, const Place& from, std::size_t length) const;
  void wait_writable() const;
  void give_up_method(int error);

  int fd_;
  std::string name_;
  Kind kind_ = Kind::kOther;
  std::uint64_t device_size_ = 0;  // of a block device
  bool block_device_ = false;
  std::uint64_t pipe_size_ = 0;
  std::vector<Method> methods_;  // what has not been refused yet; the first one is used
};

}  // namespace qcow2stream
