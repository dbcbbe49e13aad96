// SPDX-License-Identifier: GPL-2.0-or-later
//
// Disks in any format that the installed QEMU reads. QEMU opens them read-only in a process of its
// own (qemu-storage-daemon, or qemu-nbd where only that is installed) and serves them over a
// private NBD socket; that process ends with us.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "qcow2stream/changes.h"
#include "qcow2stream/nbd.h"

namespace qcow2stream {

struct QemuOptions {
  // Of the connection between QEMU and us. Its bitmap is one that is kept in this very image.
  NbdOptions nbd;
  // Asks for what the top image of a chain holds itself: Run::Holds::kBelow is what it leaves to
  // its backing file. The value, a power of two, is the unit in bytes in which the output will
  // leave parts to its own backing file. If the top image holds only whole ones, images below it
  // are not opened and need not exist; reading what is unchanged then gives zeros. Otherwise the
  // disk is that of the whole chain. Not together with a bitmap.
  std::optional<std::uint64_t> top_image_unit;
  // Then the disk is that of the whole chain in any case.
  bool whole_chain = false;
  // For an image that is not trusted (but see open_qcow2_confined() for qcow2): QEMU may open this
  // very file and nothing else, and connect to nothing. An image that refers to a backing file, a
  // data file or a server is refused. That is an Error{kFailed} where the kernel has no Landlock
  // (Linux 5.13) or no seccomp filters, and on other processors than x86-64 and 64-bit Arm.
  bool isolate = false;
  // As in FileOptions, for all files of the image.
  bool force_share = false;
};

// Opens `path`, a file or block device of any name, as `format`: the name of a QEMU block driver
// (qcow2, vmdk, vdi, vhdx, vpc, ...). A chain of backing files is read as one disk of the size of
// the top image. Throws Error{kFailed} with QEMU's own words, or with what to install.
//
// A bitmap needs qemu-img, and its name may have QEMU's prefix "qemu:dirty-bitmap:". Error{kFailed}
// where the image has no such bitmap, with the names of those that there are, and where it was not
// saved; kUsage for what cannot be a name. A unit of the top image is Error{kFailed} for a format
// without backing files, and for a chain that is needed and cannot be opened, with the largest
// cluster size for which it is not.
Opened open_qemu(const std::string& path, const std::string& format,
                 const QemuOptions& options = {});

// Opens a block node as QEMU's --blockdev describes it, a JSON object with "driver"; `objects` are
// what it refers to (secret, tls-creds-x509, ...), each a JSON object as for --object. The node is
// opened read-only unless it says something else. A bitmap is one that the node has, or one that it
// stands on. Throws Error{kFailed}; kUsage if a text is no JSON object.
Opened open_qemu_node(const std::string& blockdev, const std::vector<std::string>& objects,
                      const NbdOptions& options = {});

// The format of what is in `path`, as QEMU finds it. "qcow2" and "raw" are told by the beginning of
// the file alone; only where that may be another format, `qemu-img info` is asked. Who can write to
// a raw disk can make it look like an image that refers to other files of this machine: without
// `isolate` (QemuOptions) only for images whose content can be trusted. With it, qemu-img may take
// at most 1 GiB of memory and 30 seconds of a processor. A file that is raw is "dmg" if it is
// called so, as for qemu-img itself, and refused if it ends like an image (image_trailer()). Throws
// Error{kFailed}.
std::string probe_format(const std::string& path, const QemuOptions& options = {});

// The files that are read with `path`, as far as qcow2 images name them: backing files and data
// files down the chain, also of images that cannot be opened. Only headers are read, nothing is
// started, and a file that is no qcow2 image names none. Relative names are made relative to where
// `path` is. Servers and files that are not there are left out. Never throws Error.
std::vector<std::string> files_named_by(const std::string& path);

// The same for a block node: the files that it names, and those that they name.
std::vector<std::string> files_named_in_node(const std::string& blockdev);

}  // namespace qcow2stream
