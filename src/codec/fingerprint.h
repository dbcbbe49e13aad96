// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <cstdint>

#include "qcow2stream/compression.h"

namespace qcow2stream {

// A checksum of what the codec makes of a fixed text. See codec_version().
std::uint32_t fingerprint(const Compression& compression);

}  // namespace qcow2stream
