// SPDX-License-Identifier: GPL-2.0-or-later
//
// From the words of the command line to values of this program. All throw UsageError, which quotes
// the word.

#pragma once

#include <cstdint>
#include <string>

#include "qcow2-to-stdout/command_line.h"

namespace qcow2stream::cli {

// What standard output carries, so that nothing else may.
inline constexpr const char* kCarried = "the image";

std::uint32_t cluster_size_value(const char* value);
// Of deflate, in bytes.
std::uint32_t window_value(const char* value);
Scan scan_value(const char* value);
// TYPE[:LEVEL]; null is the default.
Compression compression_value(const char* value);
// free, swap, or both with a comma between them.
LeaveOutKinds leave_out_value(const char* value);
// K/N
NumberedPart part_value(const char* value);
// Null is the default.
MeasureFormat measure_value(const char* value);
OutputFormat output_format_value(const char* value);
// The binary logarithm of a chunk's size.
unsigned chunk_bits_value(const char* value);
// ALGO[=FILE]
DigestRequest digest_value(const char* value);

}  // namespace qcow2stream::cli
