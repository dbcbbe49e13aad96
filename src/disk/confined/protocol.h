// SPDX-License-Identifier: GPL-2.0-or-later
//
// What we and the confined program say to each other. Both are of the same build, on one machine,
// so numbers are as the processor has them; kProtocol changes with everything here.
//
// The program finds a socket (SOCK_SEQPACKET, so that a message is whole or not there), on which a
// Start comes with these descriptors: the memory that is shared, with kSlotBytes for each channel;
// the image, open for reading; and for each channel a socket. It answers with a Hello once it is
// confined. From then on each channel has a thread there that takes a Request and gives an Answer;
// what is longer than these lies in the channel's slot of the memory. The first Request is kOpen.
// The first socket says nothing more: when it closes, the program ends. What is different for other
// works than that on an image is said with their requests.
//
// Nothing that comes from the program is believed: all of it is copied out of the memory that it
// can still write to, and then checked.

#pragma once

#include <cstddef>
#include <cstdint>

namespace qcow2stream::confined {

inline constexpr std::uint32_t kProtocol = 0x71633202;

// The largest cluster, and more than one read of the emission.
inline constexpr std::size_t kSlotBytes = 2U << 20;

// So many descriptors go with one message (Linux: SCM_MAX_FD is 253).
inline constexpr unsigned kMostChannels = 64;
inline constexpr unsigned kDescriptorsBesideChannels = 2;

enum class Work : std::uint32_t {
  kDisk = 1,  // to answer questions about the disk of an image
  kStream,    // to take apart an image that comes as a stream
  kExamine,   // to find out what of a disk no file system uses
};

struct Start {
  std::uint32_t protocol = kProtocol;
  std::uint32_t channels = 0;
  Work work = Work::kDisk;
  std::uint32_t unused = 0;
  std::uint64_t file_bytes = 0;  // the size of the image
};

enum class Missing : std::uint32_t { kNothing, kProcessor, kLandlock, kFilters };

struct Hello {
  std::uint32_t protocol = kProtocol;
  Missing missing = Missing::kNothing;
  std::int32_t error = 0;  // of the system, if something is missing
  std::uint32_t unused = 0;
};

enum class Ask : std::uint32_t {
  kOpen = 1,      // `length` bytes in the slot say what to open; answer: see opened.h
  kRuns,          // what `length` bytes of the disk from `begin` on hold; answer: see told_runs.h
  kChanges,       // the same of the changes
  kRead,          // so many bytes of the disk from there, at most a slot; answer: they
  kStored,        // where `length` clusters from `begin` on are stored compressed; see told_runs.h
  kStoredLength,  // of the blob of `length` bytes from `begin` of the image on; answer: a number

  // Of Work::kStream it is the program that asks, and we who answer, but for the first request,
  // kTake: `length` bytes in the slot of the first channel say what to take apart (told_stream.h).
  // The other channels bring what it holds, in any order.
  kTake = 16,
  kHeader,  // the slot has what the header says; answer: nothing
  kChunk,   // answer: the next `length` bytes of the stream, or fewer at its end
  kData,    // the `length` bytes in the slot are those of the disk from `begin` on
  kZeros,   // so many bytes of the disk from there read as zeros
  kEnd,     // all has been told; the slot has what else is known
  kFailed,  // the slot has the error

  // Of Work::kExamine it is the program that asks, too, on its only channel. The first request is
  // ours, kExamine: `length` bytes in the slot say what is wanted (leave_out/told_volumes.h). It
  // ends with kEnd.
  kExamine = 32,
  kBytes,   // answer: the `length` bytes of the disk from `begin` on, in the slot
  kVolume,  // it is at volume number `begin` now, of which the slot has `length` bytes
  kUnused,  // `length` bytes of the slot are runs of that volume, of the kind `begin`
  kFound,   // that was all of the volume; `length` bytes of the slot are the finding
};

struct Request {
  std::uint32_t protocol = kProtocol;
  Ask ask = Ask::kOpen;
  std::uint64_t begin = 0;
  std::uint64_t length = 0;
};

enum class Say : std::uint32_t { kDone = 1, kError };

struct Answer {
  std::uint32_t protocol = kProtocol;
  Say say = Say::kDone;
  std::uint64_t bytes = 0;  // of the slot that are the answer
};

}  // namespace qcow2stream::confined
