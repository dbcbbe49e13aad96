// SPDX-License-Identifier: GPL-2.0-or-later
//
// Which options go together that are about DISK, and what kind of disk that is by what was said.

#pragma once

#include "common/source.h"
#include "qcow2-to-stdout/command_line.h"

namespace qcow2stream::cli {

// What DISK is, with all that was said of it. Throws UsageError.
Source said_disk(const CommandLine& said);

[[nodiscard]] bool is_stdin(const Source& source);
[[nodiscard]] bool is_served(const Source& source);
[[nodiscard]] bool is_node(const Source& source);
[[nodiscard]] bool is_raw(const CommandLine& said);
[[nodiscard]] bool has_data_file(const CommandLine& said);
// Whether DISK may be a qcow2 image that is read without QEMU.
[[nodiscard]] bool is_read_here(const CommandLine& said);

// Throws UsageError.
void check_disk(const CommandLine& said);

}  // namespace qcow2stream::cli
