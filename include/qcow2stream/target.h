// SPDX-License-Identifier: GPL-2.0-or-later
//
// A Target is where the content of a disk is restored to, in any order. A program may derive a
// class of its own.
//
// Restore (restore.h) keeps to the order of calls below, so what it promises of a failed restore
// holds for every target.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "qcow2stream/nbd.h"
#include "qcow2stream/types.h"

namespace qcow2stream {

struct TargetTraits {
  // The bytes that it has. Nothing where it becomes as large as the disk: a file, a pipe.
  std::optional<std::uint64_t> size;
  // All of it reads as zeros before the first write.
  bool reads_as_zeros = false;
  // read() works.
  bool can_be_read = false;
  // What a failed restore has written stays there, under the same name: a device, a server.
  bool keeps_failures = false;
  // It is written in the order of the disk: what comes out of turn has to be kept.
  bool in_order = false;
  // In bytes, a power of two: what is written and zeroed in such blocks, at such offsets, need not
  // be read first.
  std::uint32_t block_size = 1;
  // A good size for a write, in bytes.
  std::uint32_t request_size = 1U << 20;
  // The bytes that it has now, which a regular file that is changed or compared brings along.
  // Nothing where that means nothing: a new file, a pipe.
  std::optional<std::uint64_t> current_size;
};

// write(), zero() and read() may be called by several threads at once, for ranges that do not
// overlap. All functions throw Error{kFailed} about ErrorSubject::kTarget. What a call that has
// returned wrote may still fail: then a later call throws, flush() or finish() at the latest. Where
// one has thrown, only the destructor may be called.
//
// A target that is destroyed before finish() has been abandoned: what has no name yet never gets
// one.
class Target {
 public:
  virtual ~Target() = default;
  Target() = default;
  Target(const Target&) = delete;
  Target& operator=(const Target&) = delete;

  // What messages call the target.
  [[nodiscard]] virtual const std::string& name() const = 0;
  [[nodiscard]] virtual TargetTraits traits() const = 0;

  // The disk has `size` bytes, a multiple of 512. Is called before anything is written, and again
  // where an increment has another size than its base; what is new then reads as zeros where
  // traits() name no size. Throws if it does not fit.
  virtual void set_size(std::uint64_t size) = 0;

  // All of these ranges lie within the size that was set and are not empty.
  virtual void write(GuestOffset offset, std::span<const std::byte> bytes) = 0;
  // Makes a range read as zeros, without taking space where that is possible.
  virtual void zero(GuestRange range) = 0;
  // Only where traits() say that it can be read.
  virtual void read(GuestOffset offset, std::span<std::byte> buffer) = 0;

  // How many bytes from `offset` on, which lies within what the target has, are known to read as
  // zeros without a look at them; 0 where they are not, or where nobody knows. Only where it can be
  // read. Default: nobody knows.
  [[nodiscard]] virtual std::uint64_t zeros_at(GuestOffset offset) const;

  // Returns when all that was written has reached stable storage.
  virtual void flush() = 0;

  // Is called once, when all has been written and is right. Flushes, and gives a new file its name.
  // Only read() and drop_cache() may be called afterwards.
  virtual void finish() = 0;

  // What is read from here on comes from where the target is stored, as far as the system can do
  // without what it remembers of it. Does nothing unless a class can do something about it.
  virtual void drop_cache();

  // How many bytes a target without a size has room for, as far as that is known: what the file
  // system has free, besides what the target takes already.
  [[nodiscard]] virtual std::optional<std::uint64_t> room() const;
};

enum class TargetUse {
  kReplace,   // all of the disk is written
  kChange,    // it holds something that is changed in place
  kReadOnly,  // it is only compared
};

struct TargetOptions {
  TargetUse use = TargetUse::kReplace;
  // kReplace: a regular file may exist, and is replaced when the new one is complete. It keeps its
  // mode and, where that is permitted, its owner and its extended attributes, access control lists
  // among them.
  bool overwrite = false;
  // kReplace: a device or a server reads as zeros already.
  bool reads_as_zeros = false;
  // Somebody else may have it open for writing: QEMU's locks are not taken.
  bool force_share = false;
};

// A regular file or a block device.
//
// kReplace makes a regular file, which gets its name in finish(); nothing remains of one that does
// not get so far, even if the process is killed, as long as the file system has O_TMPFILE. A file
// that exists is refused unless it may be overwritten (Advice::kOverwrite); where its name is a
// symbolic link, the file that it leads to is replaced. The other uses need one that exists. Unless
// it is only compared, a block device is opened exclusively (O_EXCL, so it is neither mounted nor
// part of another device), and the kernel reads its partition table again in finish(). QEMU's locks
// for a writer, or for a reader with kReadOnly, are taken unless force_share says otherwise
// (Advice::kForceShare).
std::unique_ptr<Target> open_target(const std::string& path, const TargetOptions& options = {});

// An export of an NBD server. Zeros are written with NBD_CMD_WRITE_ZEROES where the server has it
// (with NBD_CMD_FLAG_NO_HOLE never set).
std::unique_ptr<Target> open_nbd_target(const std::string& uri, const TargetOptions& options = {},
                                        const NbdOptions& nbd = {});

struct PipeTargetOptions {
  // Bytes of the disk that come too early are kept: in memory up to `spool_memory` bytes, then in a
  // file without a name in `spool_directory`.
  std::uint64_t spool_memory = 64ULL << 20;
  std::optional<std::string> spool_directory;
};

// The raw disk goes to `fd`, a pipe or a socket or anything else that is written from where it
// stands, in the order of the disk. `fd` is neither owned nor closed. The last piece is written by
// finish() only, and what was not written at all is an error there. A pipe cannot be flushed; a
// file or a device is, in finish(). Throws Error{kFailed} about ErrorSubject::kSpool where there is
// no room to keep something, with Advice::kMoreSpool and a number that is enough in any case.
std::unique_ptr<Target> make_pipe_target(int fd, std::string name,
                                         const PipeTargetOptions& options = {});

}  // namespace qcow2stream
