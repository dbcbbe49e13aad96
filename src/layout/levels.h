// SPDX-License-Identifier: GPL-2.0-or-later
//
// Our levels, and which library does each.

#pragma once

#include "qcow2stream/compression.h"

namespace qcow2stream {

enum class Library { kIsal, kZlib, kLibdeflate, kZstd };

struct Effort {
  Library library;
  int number;  // the library's own level
};

// The level asked for, or the normal one.
int level_of(const Compression& compression);

// Of a level within compression_levels().
Effort effort_of(const Compression& compression);

}  // namespace qcow2stream
