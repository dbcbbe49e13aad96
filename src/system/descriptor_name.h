// SPDX-License-Identifier: GPL-2.0-or-later
//
// Names that mean a descriptor of whoever uses them: /dev/stdin, /dev/fd/3, /proc/self/fd/3, and
// links to them. In another process they mean another file, or none.

#pragma once

#include <string>

namespace qcow2stream {

bool names_descriptor(const std::string& path);

// The name that the file of such a name has for everybody, in the directory in which names that it
// refers to are looked for. Empty where it has none: it was deleted, or lies outside of what we
// see.
std::string name_behind_descriptor(const std::string& path);

}  // namespace qcow2stream
