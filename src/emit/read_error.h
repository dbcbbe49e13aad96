// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <cstdint>
#include <optional>

#include "qcow2stream/error.h"
#include "qcow2stream/image.h"

namespace qcow2stream {

// Finds out whether `error` is a change of the disk: whether the disk does not read any more where
// the survey has read it, as a snapshot that ran out of space does. Returns the error that says so.
// Nothing if `error` is about something else, or about a part that the survey has not read. `most`
// is how many bytes were read at once when it happened. Reads the disk again.
std::optional<Error> change_behind(const Error& error, const Image& image, std::uint64_t most);

}  // namespace qcow2stream
