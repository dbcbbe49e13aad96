// SPDX-License-Identifier: GPL-2.0-or-later
//
// From the words of a command line to values that any program takes. All throw UsageError, which
// quotes the word.

#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace qcow2stream::cli {

[[noreturn]] void bad_value(const char* value, std::string_view reason);

std::uint64_t size_value(const char* value);
unsigned number_value(const char* value);
// From 1 to `most`.
unsigned count_value(const char* value, unsigned most);
// The name of a block driver, as far as it can be told without QEMU.
std::string format_value(const char* value);
// A descriptor that can be read from, as a path.
std::string fd_path_value(const char* value);
// A descriptor that can be written to.
int writable_fd_value(const char* value);
std::string path_value(const char* value);
std::string command_value(const char* value);

// Worker threads; 0: one a core.
unsigned threads_value(const char* value);
// Of an NBD server.
unsigned connections_value(const char* value);
unsigned requests_value(const char* value);
std::chrono::seconds timeout_value(const char* value);

// A file that is not standard output under one of its names, since that carries `carried`.
std::string side_file_value(const char* value, std::string_view carried);
// A descriptor that can be written to and is not standard output.
int progress_fd_value(const char* value, std::string_view carried);
// FILE or the number of a descriptor, as a path.
std::string report_value(const char* value, std::string_view carried);

}  // namespace qcow2stream::cli
