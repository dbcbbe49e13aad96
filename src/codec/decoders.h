// SPDX-License-Identifier: GPL-2.0-or-later
//
// The decoder of each compression type, and what they say.

#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "codec/decoder.h"

namespace qcow2stream {

inline constexpr std::string_view kDamagedBlob = "the compressed data is damaged";
inline constexpr std::string_view kShortBlob = "the compressed data is less than a cluster";
inline constexpr std::string_view kLongBlob = "the compressed data does not end with the cluster";

std::unique_ptr<Decoder> make_deflate_decoder(std::uint32_t cluster_size);
std::unique_ptr<Decoder> make_zstd_decoder(std::uint32_t cluster_size);

}  // namespace qcow2stream
