// SPDX-License-Identifier: GPL-2.0-or-later
//
// The headers of libntfs-3g, which are C. Only for the files that call the library: they define
// names like TRUE and u8.

#pragma once

#include <sys/stat.h>

#include <ctime>

// What its configuration would say.
#define HAVE_TIME_H 1
#define HAVE_SYS_STAT_H 1
extern "C" {
#include <ntfs-3g/types.h>
// types.h comes first.
#include <ntfs-3g/attrib.h>
#include <ntfs-3g/bootsect.h>
#include <ntfs-3g/device.h>
#include <ntfs-3g/inode.h>
#include <ntfs-3g/logfile.h>
#include <ntfs-3g/logging.h>
#include <ntfs-3g/volume.h>
}
#undef HAVE_TIME_H
#undef HAVE_SYS_STAT_H
#undef min
#undef max
