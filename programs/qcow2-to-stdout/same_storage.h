// SPDX-License-Identifier: GPL-2.0-or-later
//
// Whether two open files are one, by what fstat() says of them.

#pragma once

#include <sys/stat.h>

namespace qcow2stream::cli {

// What is written to one is read from the other: a regular file; a block device, also a partition
// and its disk; a loop device and the file behind it. Asks sysfs. Nothing else: one socket may well
// be both ends.
bool is_same_storage(const struct stat& a, const struct stat& b);

// Or one pipe or socket: what is written to one comes out of the other, or stands between what the
// other has written.
bool is_same_stream(const struct stat& a, const struct stat& b);

}  // namespace qcow2stream::cli
