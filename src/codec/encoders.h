// SPDX-License-Identifier: GPL-2.0-or-later
//
// The codec of each library. levels.h decides which one is used. `effort` is the library's own
// level.

#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "codec/codec.h"

namespace qcow2stream {

// Raw deflate by ISA-L, with efforts 0 to 2.
std::unique_ptr<Codec> make_isal_codec(int effort, std::uint32_t window,
                                       std::uint32_t cluster_size);
std::string version_of_isal();

// Raw deflate by zlib, with efforts 1 to 9.
std::unique_ptr<Codec> make_zlib_codec(int effort, std::uint32_t window);
std::string version_of_zlib();

// Raw deflate by libdeflate, with efforts 1 to 12. Its window is always 32 KiB.
std::unique_ptr<Codec> make_libdeflate_codec(int effort);
std::string version_of_libdeflate();

// One zstd frame, with efforts 1 to 22.
std::unique_ptr<Codec> make_zstd_codec(int effort, std::uint32_t cluster_size);
std::string version_of_zstd();

// Is called where a library fails for another reason than a lack of room. Throws Error{kFailed}.
[[noreturn]] void throw_codec_error(std::string_view library, const std::string& reason);

}  // namespace qcow2stream
