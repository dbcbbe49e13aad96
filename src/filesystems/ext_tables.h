// SPDX-License-Identifier: GPL-2.0-or-later
//
// Where an ext file system keeps its own tables.

#pragma once

#include <vector>

#include "filesystems/ext_io.h"
#include "filesystems/unit_runs.h"

namespace qcow2stream {

// The blocks of superblocks, group descriptors (and those reserved for more of them), bitmaps,
// tables of inodes and the block of multiple mount protection, in order. Throws Kept if they lie
// outside of the file system or on each other, or if the checksum of a group descriptor is wrong.
std::vector<UnitRun> ext_tables(const ExtFilesystem& filesystem);

// Throws Kept if multiple mount protection says that a program or another machine has it in use.
void check_ext_mount_protection(const ExtFilesystem& filesystem, bool needs_recovery);

// Throws Kept unless both have the same size and keep their tables in the same places: a journal
// that changes these is one of a file system that is being resized.
void check_same_tables(const ExtFilesystem& before, const ExtFilesystem& after);

}  // namespace qcow2stream
