// SPDX-License-Identifier: GPL-2.0-or-later
//
// The levels of compression, and which library does the work of each.

#pragma once

#include "qcow2stream/compression.h"

namespace qcow2stream {

enum class Library { kIsal, kZlib, kLibdeflate, kZstd };

struct Effort {
  Library library;
  int number;  // the library's own level
};

// The level that is asked for, or the normal one.
int level_of(const Compression& compression);

// What does the work. The level must lie within compression_levels().
Effort effort_of(const Compression& compression);

}  // namespace qcow2stream
