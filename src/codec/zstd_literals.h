// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <cstddef>
#include <span>

namespace qcow2stream {

// Whether zstd frames show in their first few bytes, without being decoded, that what they hold is
// not all zeros. False where they do not, or are not what zstd makes. Of a frame that is damaged
// the answer may be either.
[[nodiscard]] bool zstd_shows_data(std::span<const std::byte> frames);

}  // namespace qcow2stream
