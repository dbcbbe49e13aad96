// SPDX-License-Identifier: GPL-2.0-or-later
//
// Names that mean a descriptor of the process that uses them: /dev/stdin, /dev/fd/3,
// /proc/self/fd/3, and links to them. In another process they mean another file, or none.

#pragma once

#include <string>

namespace qcow2stream {

bool names_descriptor(const std::string& path);

// The name that such a file has for all processes, in the directory in which names that the file
// refers to are looked for. Empty if it has none: it was deleted, or lies outside of what we see.
std::string name_behind_descriptor(const std::string& path);

}  // namespace qcow2stream
