// SPDX-License-Identifier: GPL-2.0-or-later
//
// What qemu-img takes in place of a file name: `https://host/disk.qcow2`, `rbd:pool/image`.

#pragma once

#include <optional>
#include <string>

namespace qcow2stream::cli {

// What to write in place of `name` on our command line, ready to be typed, or nothing where it is
// no such name. `format` is that of the image there; nothing: told by how `name` ends, else raw.
std::optional<std::string> instead_of_qemu_name(const std::string& name,
                                                const std::optional<std::string>& format);

}  // namespace qcow2stream::cli
