// SPDX-License-Identifier: GPL-2.0-or-later
//
// emit() moves a range of an image to a sink, such as a file descriptor; emit_disk() one of a disk.

#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "qcow2stream/digest.h"
#include "qcow2stream/disk.h"
#include "qcow2stream/image.h"
#include "qcow2stream/manifest.h"
#include "qcow2stream/progress.h"
#include "qcow2stream/sink.h"

namespace qcow2stream {

struct EmitOptions {
  // How many threads compress what the survey did not keep; 0 means one a core.
  unsigned threads = 0;
  // Digests to be taken of the bytes that are written. All bytes go through memory then, and each
  // digest has a thread of its own.
  std::vector<DigestAlgorithm> digests;
  // Gets the digest of each chunk of the disk that is written, hashed from the bytes that are: all
  // go through memory then. The image must be a full one without compressed clusters, and the range
  // all of it, so that it is the whole content's when it is over. Must outlive the call.
  ManifestBuilder* content = nullptr;
  // What the survey has hashed. Each chunk that is written in part is hashed again, with the rest
  // of it from the disk; another digest is an error (kChanged). Must outlive the call.
  const ManifestBuilder* expected = nullptr;
  // Is called before the last piece is written, when all digests of the content are known. What it
  // throws is thrown by emit().
  std::function<void()> before_last;
  // Flushes the sink before the last piece of the range, so that a failure shows, and after it. Of
  // descriptors, only those of files and block devices can be flushed.
  bool flush = false;
  // Bytes a second that are written, on the average, at most. 0: there is no limit.
  std::uint64_t most_per_second = 0;
  // Is called before the last piece is written if the disk has changed although all of it could be
  // read. Without it a change is an error. A disk that cannot be read any more always is one.
  OnChange on_change;
  // Is filled in while emit() runs, if given. Must outlive the call.
  Progress* progress = nullptr;
};

struct EmitResult {
  // Bytes that the kernel moved from the disk to the output by itself; the rest went through
  // memory.
  std::uint64_t transferred = 0;
  // How the kernel moved them: "splice", "copy_file_range" or "sendfile"; "read and write" where
  // none of these worked.
  std::string_view method;
  // The digests of the range, in the order of EmitOptions::digests.
  std::vector<Digest> digests;
};

// Throws Error if the sink cannot take `length` bytes (a block device with less room behind its
// current position) or be flushed, or if a digest is not to be had on this machine. Call it before
// the survey where the size is known, emit() calls it again.
void check_output(const Sink& sink, std::uint64_t length, const EmitOptions& options);

// Writes `range` of `image` to the sink, in order, and finishes it.
//
// The last piece of the range is written only after all before it was written and the disk was seen
// to be unchanged. So whoever counts bytes can tell a failed run from a complete one: what a failed
// run wrote is always shorter than `range.length`.
//
// Throws Error: kChanged if the disk changed or became shorter; kUsage if `range` is not within the
// image; kFailed on other failures of input or output, a closed pipe included (SIGPIPE is held back
// in the calling thread); and what the sink's begin() and finish() throw.
EmitResult emit(const Image& image, HostRange range, Sink& sink, const EmitOptions& options = {});

// The same to a descriptor that is called "output" in errors: see make_descriptor_sink().
EmitResult emit(const Image& image, HostRange range, int fd, const EmitOptions& options = {});

// What emit_disk() makes of a disk: its size, rounded up to a multiple of 512.
std::uint64_t emitted_size(const Disk& disk);

// The same with the disk itself, filled up with zeros to emitted_size(); `range` lies within that.
// `content` and `expected` must be null, and the sink is told no id.
EmitResult emit_disk(const Disk& disk, HostRange range, Sink& sink,
                     const EmitOptions& options = {});

}  // namespace qcow2stream
