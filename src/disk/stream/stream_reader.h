// SPDX-License-Identifier: GPL-2.0-or-later
//
// Reads a descriptor that cannot be sought: a pipe, a socket, a device.

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace qcow2stream {

// Belongs to one thread at a time. Does not own the descriptor, which may be non-blocking.
class StreamReader {
 public:
  // Throws Error{kFailed} if `fd` is not open for reading or is a directory. `name` is what errors
  // call it.
  StreamReader(int fd, std::string name);

  // Fills `buffer` and returns how many bytes there were, which are fewer than it has room for only
  // at the end of the stream. Throws Error.
  std::size_t read(std::span<std::byte> buffer);

  // How many bytes have been read so far.
  [[nodiscard]] std::uint64_t position() const { return position_; }

  // Throws Error{kFailed}: the stream was said to have `size` bytes and has ended before.
  [[noreturn]] void throw_too_short(std::uint64_t size) const;
  // Throws Error{kFailed} unless the stream ends here. Waits until the writer has closed it or has
  // written more.
  void expect_end();

 private:
  std::size_t read_some(std::span<std::byte> buffer);

  int fd_;
  std::string name_;
  std::uint64_t position_ = 0;
};

}  // namespace qcow2stream
