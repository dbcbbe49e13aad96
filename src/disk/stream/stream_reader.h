// SPDX-License-Identifier: GPL-2.0-or-later
//
// A descriptor that can only be read from where it stands: a pipe, a socket, a device.

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace qcow2stream {

// Belongs to one thread at a time. Does not own the descriptor, which may be non-blocking.
class StreamReader {
 public:
  // Throws Error{kFailed} if `fd` is not open for reading or is a directory. `name` is used in
  // errors.
  StreamReader(int fd, std::string name);

  // Fills `buffer` and returns how much of it: less than all only at the end of the stream. Throws
  // Error.
  std::size_t read(std::span<std::byte> buffer);

  // Bytes read so far.
  [[nodiscard]] std::uint64_t position() const { return position_; }

  // The stream was said to have `size` bytes. Throws Error{kFailed} because it ended here...
  [[noreturn]] void throw_too_short(std::uint64_t size) const;
  // ...or unless it ends here, where all of them have been read. Waits until one or the other is
  // known: until the writer has closed it.
  void expect_end();

 private:
  std::size_t read_some(std::span<std::byte> buffer);

  int fd_;
  std::string name_;
  std::uint64_t position_ = 0;
};

}  // namespace qcow2stream
