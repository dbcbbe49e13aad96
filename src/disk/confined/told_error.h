// SPDX-License-Identifier: GPL-2.0-or-later
//
// An Error on its way out of the confined program.

#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>

#include "qcow2stream/error.h"

namespace qcow2stream::confined {

// Writes it. Returns how many bytes it takes.
std::size_t write_error(const Error& error, std::span<std::byte> out);

// Reads it as one about `name`, whatever name it had. Nothing if it makes no sense.
std::optional<Error> read_error(std::span<const std::byte> bytes, const std::string& name);

}  // namespace qcow2stream::confined
