// SPDX-License-Identifier: GPL-2.0-or-later
//
// A disk that comes as a stream: a pipe, a socket, or anything that can be read but not sought.
//
// * If can_be_sought(fd), it is a file after all: use open_disk(fd, name).
// * If its size is known and everything is to be allocated (Scan::kNone, and one emit()), use
//   open_sequential(): nothing is kept, and the image starts at once.
// * In all other cases use open_stream(): the stream is kept in a file without a name, and then is
// a
//   disk like any other.

#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "qcow2stream/disk.h"
#include "qcow2stream/progress.h"

namespace qcow2stream {

struct StreamOptions {
  // How many bytes must come. Without it there may be any number.
  std::optional<std::uint64_t> size;
  // Where the stream is kept. It takes as much room as its blocks of 4 KiB that are not all zeros.
  std::string spool_directory = "/var/tmp";
  // `spool_done` and, with a size, `spool_total` are filled in, if given. Must outlive the call.
  Progress* progress = nullptr;
};

// Reads `fd` to its end and returns a disk with all of it: extents, queues and a descriptor to copy
// from as a file has them, no stamp. `fd` may be non-blocking; it stays open and is not used any
// more. The disk takes no name in the file system, so nothing remains of it whatever happens.
// Throws Error{kFailed}: a stream that is not open or has another size than announced, and with the
// name of the directory what the file system says.
std::shared_ptr<const Disk> open_stream(int fd, const std::string& name,
                                        const StreamOptions& options = {});

// A disk of `size` bytes that reads `fd` as it is read itself: forwards, once, apart from the first
// kSequentialStart bytes. What is left out is read and dropped. Several threads may call it, but
// only in the order of the offsets. `fd` may be non-blocking; it must stay open as long as the
// disk.
//
// read() throws Error{kFailed} where the stream ends too early and where it would have to go back;
// check_unchanged(), once all has been read, where it does not end. emit() asks the latter before
// it writes its last piece.
std::shared_ptr<const Disk> open_sequential(int fd, const std::string& name, std::uint64_t size);

}  // namespace qcow2stream
