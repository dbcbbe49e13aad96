// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <cstddef>
#include <optional>
#include <span>

#include "qcow2stream/manifest.h"

namespace qcow2stream {

// The digests that ManifestBuilder::encode() has written. Nothing if the bytes are anything else
// than a whole manifest.
std::optional<ManifestBuilder> decode_manifest(std::span<const std::byte> bytes);

}  // namespace qcow2stream
