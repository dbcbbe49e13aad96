// SPDX-License-Identifier: GPL-2.0-or-later
//
// Reads qcow2 images that are not trusted, without QEMU and without taking them apart in this
// process: a small program of ours does that, qcow2stream-confined, which confines itself before it
// looks at the image (Landlock, seccomp). It can open nothing, and reach nothing but us. What it
// says is checked: if the image takes it over, it can lie about what the disk holds, and no more.

#pragma once

#include <chrono>
#include <string>

#include "qcow2stream/qcow2.h"

namespace qcow2stream {

struct ConfinedOptions {
  // The path of the program. Empty: what the environment variable QCOW2STREAM_CONFINED names; or
  // else the one beside the running executable, in ../libexec/qcow2-to-stdout, or where it was
  // installed. Never one in PATH.
  std::string program;
  // A program that has said nothing for so long is given up.
  std::chrono::seconds timeout{60};
};

// Opens the image `path` as open_qcow2() does, with the same content, stamp and errors. An image
// that refers to another file is refused, Error{kFailed}; but with Qcow2Options::top and one image,
// its backing file is only needed where that says so, and then it is refused. So is more than one
// image, and Qcow2Options::lost, kUsage. Nothing is ever left to QEMU.
//
// The bytes of data that is not compressed are read from the file by this process. The program is
// killed when the disk and the changes are destroyed, and when the thread that called this ends.
//
// Throws Error{kFailed} also where the program is not there, or cannot be confined: the kernel has
// no Landlock (Linux 5.13) or no seccomp filters, or it is not for x86-64 or 64-bit Arm.
OpenedQcow2 open_qcow2_confined(const std::string& path, const Qcow2Options& options = {},
                                const ConfinedOptions& confined = {});

}  // namespace qcow2stream
