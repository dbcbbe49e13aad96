// SPDX-License-Identifier: GPL-2.0-or-later
//
// emit() moves a range of an image to a file descriptor.

#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "qcow2stream/digest.h"
#include "qcow2stream/image.h"
#include "qcow2stream/progress.h"

namespace qcow2stream {

struct EmitOptions {
  // What the output is called in errors.
  std::string output_name = "output";
  // Threads that compress what the survey did not keep; 0 means one a core.
  unsigned threads = 0;
  // To be taken of the bytes that are written. All of them go through memory then, and each digest
  // has a thread of its own.
  std::vector<DigestAlgorithm> digests;
  // fsync() the output, which must be a file or a block device: before the last piece of the range,
  // so that a failure shows, and after it.
  bool flush = false;
  // Decides about a disk that has changed although all of it could be read, before the last piece
  // is written; without it that is an error. What does not read any more always is.
  OnChange on_change;
  // Locked while bytes are written and counted, if given: whoever holds it sees numbers that are
  // exact, and nothing more goes out. Must outlive the call.
  std::timed_mutex* writing = nullptr;
  // Filled in while it runs, if given. Must outlive the call.
  Progress* progress = nullptr;
};

struct EmitResult {
  // Bytes that the kernel moved from the disk to the output by itself; the rest went through
  // memory.
  std::uint64_t transferred = 0;
  // How: "splice", "copy_file_range", "sendfile", or "read and write" where nothing else worked.
  std::string_view method;
  // Of the range, in the order of EmitOptions::digests.
  std::vector<Digest> digests;
};

// Throws Error if `fd` is not open for writing or cannot take `length` bytes (a block device with
// less room behind its current position) or be flushed, or if a digest is not to be had on this
// machine. Call it before the survey where the size is known, emit() calls it again.
void check_output(int fd, std::uint64_t length, const EmitOptions& options);

// Writes `range` of `image` to `fd` at its current position, in order, and returns when the last
// byte has been handed to the kernel. `fd` may be a pipe, a file, a socket or a device, blocking or
// not; it is neither closed nor truncated.
//
// The last piece of the range is written only after all before it was written and the disk was seen
// to be unchanged. So whoever counts bytes can tell a failed run from a complete one: what a failed
// run wrote is always shorter than `range.length`.
//
// A file that QEMU, or this library, reads as an image meanwhile is not written to: it may be what
// `image` is read from. QEMU's locks tell (open_disk() and open_qemu() take them).
//
// Throws Error: kChanged if the disk changed or became shorter; kUsage if `range` is not within the
// image; kFailed on other failures of input or output, a closed pipe included (SIGPIPE is held back
// in the calling thread).
EmitResult emit(const Image& image, HostRange range, int fd, const EmitOptions& options = {});

}  // namespace qcow2stream
