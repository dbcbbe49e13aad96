// SPDX-License-Identifier: GPL-2.0-or-later
//
// From the words of the command line to values. All throw UsageError, which quotes the word.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "qcow2-to-stdout/options.h"

namespace qcow2stream::cli {

[[noreturn]] void bad_value(const char* value, std::string_view reason);

std::uint64_t size_value(const char* value);
unsigned number_value(const char* value);
// From 1 to `most`.
unsigned count_value(const char* value, unsigned most);
// The name of a block driver, as far as it can be told without QEMU.
std::string format_value(const char* value);
std::uint32_t cluster_size_value(const char* value);
// Of deflate, in bytes.
std::uint32_t window_value(const char* value);
Scan scan_value(const char* value);
// TYPE[:LEVEL]; null is the default.
Compression compression_value(const char* value);
MeasureFormat measure_value(const char* value);
// ALGO[=FILE]
DigestRequest digest_value(const char* value);
// FILE or the number of a descriptor, as a path.
std::string report_value(const char* value);
// A file that is not standard output under one of its names.
std::string side_file_value(const char* value);
// A descriptor that can be read from, as a path.
std::string fd_path_value(const char* value);
// A descriptor that can be written to and is not standard output.
int progress_fd_value(const char* value);
std::string path_value(const char* value);
std::string command_value(const char* value);

}  // namespace qcow2stream::cli
