// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <cstdint>
#include <optional>

#include "qcow2stream/error.h"
#include "qcow2stream/image.h"

namespace qcow2stream {

// What `error`, met while at most `most` bytes of the disk were read at once, is if the disk has
// changed: it does not read any more where the survey has read it (a snapshot that ran out of
// space, say). Nothing if it is about something else, or about a part that nobody has looked at.
// Reads the disk again.
std::optional<Error> change_behind(const Error& error, const Image& image, std::uint64_t most);

}  // namespace qcow2stream
