// SPDX-License-Identifier: GPL-2.0-or-later
//
// Reads qcow2 images, and chains of them, without QEMU.
//
// All of versions 2 and 3 is read but encryption (specification: docs/interop/qcow2.rst of QEMU).
// An image that is odd is taken as QEMU takes it, or refused where QEMU refuses it; what begins
// behind the end of a file, which QEMU reads as zeros, is refused, unless it is to be salvaged.

#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "qcow2stream/changes.h"
#include "qcow2stream/disk.h"
#include "qcow2stream/salvage.h"

namespace qcow2stream {

// Run::Holds::kBelow is what these images leave to the one below them.
struct TopImages {
  std::uint64_t images = 1;
  // Bytes, a power of two: in such units the output will leave parts to its own backing file. If
  // these images hold only whole ones, those below are not opened and need not exist; reading what
  // is unchanged then gives zeros. Otherwise the disk is that of the whole chain.
  std::uint64_t unit = 512;
  // All of the disk will be read: those below are opened in any case.
  bool whole_chain = false;
};

struct Qcow2Options {
  // Does what it does in FileOptions, for all files of the image.
  bool force_share = false;
  // Names an internal snapshot of the image, by its id or else by its name, as `qemu-img convert
  // -l` takes them. It is read in place of the disk as it is now, with the size that the disk had
  // then.
  std::optional<std::string> snapshot;
  // Asks for what the topmost images of the chain hold themselves.
  std::optional<TopImages> top;
  // Asks for what a persistent dirty bitmap of this very image marks; its name, which may have
  // QEMU's prefix "qemu:dirty-bitmap:". Not together with one of the other two.
  std::optional<std::string> bitmap;
  // Asks for all persistent dirty bitmaps of this very image: Disk::bitmaps() of the disk. Throws
  // Error{kFailed} if one of them says nothing. Not of a snapshot, and not where the disk is
  // salvaged.
  bool carry_bitmaps = false;
  // Of check_qcow2_links() and open_qcow2_chain(): the images are taken for a chain whatever the
  // names are that they record.
  bool ignore_names = false;
  // If given, what cannot be read of the disk becomes zeros and is noted there, as salvaging() does
  // it: what a table maps that cannot be read, a cluster whose entry makes no sense or whose
  // compressed data does not decode. The headers must be whole, and a bitmap that is asked for.
  std::shared_ptr<LostRanges> lost;
};

// What an image holds beside the disk and the changes that are read of it. Nobody finds that in a
// copy of the disk.
struct Qcow2Remainder {
  // Internal snapshots, but for the one that is read, and the bytes of machines' states in them.
  std::uint64_t snapshots = 0;
  std::uint64_t vm_state_bytes = 0;
  // Names of persistent dirty bitmaps, but for the one that is read; none where all are carried.
  std::vector<std::string> bitmaps;
};

struct OpenedQcow2 : Opened {
  Qcow2Remainder remainder;  // of the image itself, not of those below it
};

// Opens the image `path` with all files that it refers to: an external data file and the chain of
// backing files, qcow2 or raw. They are opened as QEMU opens them: a backing file's name is
// relative to the image that names it, a data file's to the working directory.
//
// Throws Error{kUsage} for options that exclude each other, and for what cannot be the name of a
// bitmap. Throws Error{kFailed}: as open_disk() does, for each of the files; for an image that is
// damaged; for a backing file that names no format and begins as an image does, since a guest may
// have written that; for no such snapshot or bitmap, with those that there are; for a bitmap that
// was not saved or not kept up; where the chain has fewer images than are asked for; where a chain
// that is needed cannot be opened, with the largest unit for which it is not. With
// Advice::kReadWithQemu where it is QEMU that can read it: encryption, a backing file of another
// format or behind a protocol, features that are not known.
OpenedQcow2 open_qcow2(const std::string& path, const Qcow2Options& options = {});

// Does the same for an image that lies in any disk, `file`, from which no name leads to another
// file: where the image refers to one, throws Error{kFailed} with Advice::kNameImage. Only what it
// holds itself (Qcow2Options::top, of one image) can be read without its backing file.
OpenedQcow2 open_qcow2(std::shared_ptr<const Disk> file, const Qcow2Options& options = {});

// One image of a chain that the caller has put together.
struct Qcow2Link {
  std::shared_ptr<const Disk> file;
  // The last part of the name that the image above it records of it. Empty: nobody knows.
  std::string name;
};

// What an image records of its backing file.
struct Qcow2BackingFile {
  std::string name;
  std::optional<std::string> format;
};

// Returns that of the image in `file`, or nothing for a full image. Opens nothing. Throws
// Error{kFailed} for what is no such image.
std::optional<Qcow2BackingFile> qcow2_backing_file(const Disk& file);

// Returns the part of a backing file's name that stays when the file is moved to another directory:
// what is behind the last slash.
std::string last_part_of_name(const std::string& name);

// Checks that each image is an increment of the one behind it, as far as names tell. Throws
// Error{kMismatch} about the image where it is a full one (but for the last), or records another
// name (Advice::kIgnoreNames), and about what is below an increment of a raw disk where that begins
// as an image. Throws what reading throws.
void check_qcow2_links(std::span<const Qcow2Link> newest_first, const Qcow2Options& options = {});

// Opens a chain whose images the caller knows, at least one, the newest first; opens no name that
// an image records. The last one is a full image, or a raw disk where the one above it records
// that. Unlike with open_qcow2(), a data cluster must end in its file. Throws what open_qcow2() and
// check_qcow2_links() throw; also Error{kMismatch} about the image with Advice::kApply for a last
// one that is an increment, Error{kFailed} for one with an external data file.
OpenedQcow2 open_qcow2_chain(std::span<const Qcow2Link> newest_first,
                             const Qcow2Options& options = {});

}  // namespace qcow2stream
