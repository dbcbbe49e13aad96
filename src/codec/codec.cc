// SPDX-License-Identifier: GPL-2.0-or-later

#include "codec/codec.h"

#include <fmt/format.h>

#include <string>

#include "codec/encoders.h"
#include "codec/fingerprint.h"
#include "layout/levels.h"
#include "qcow2stream/error.h"

namespace qcow2stream {
namespace {

const char* name_of(CompressionType type) {
  return type == CompressionType::kZstd ? "zstd" : "zlib";
}

std::string library_version(Library library) {
  switch (library) {
    case Library::kIsal:
      return version_of_isal();
    case Library::kZlib:
      return version_of_zlib();
    case Library::kLibdeflate:
      return version_of_libdeflate();
    case Library::kZstd:
      return version_of_zstd();
  }
  return {};
}

}  // namespace

std::unique_ptr<Codec> make_codec(const Compression& compression, std::uint32_t cluster_size) {
  const Effort effort = effort_of(compression);
  switch (effort.library) {
    case Library::kIsal:
      return make_isal_codec(effort.number, compression.deflate_window, cluster_size);
    case Library::kZlib:
      return make_zlib_codec(effort.number, compression.deflate_window);
    case Library::kLibdeflate:
      return make_libdeflate_codec(effort.number);
    case Library::kZstd:
      return make_zstd_codec(effort.number, cluster_size);
  }
  return nullptr;
}

std::string codec_version(const Compression& compression) {
  const Effort effort = effort_of(compression);
  std::string version =
      fmt::format("{} level {} ({} level {})", name_of(compression.type), level_of(compression),
                  library_version(effort.library), effort.number);
  if (compression.type == CompressionType::kZlib) {
    version += fmt::format(", window {}", compression.deflate_window);
  }
  return version + fmt::format(", fingerprint {:08x}", fingerprint(compression));
}

void throw_codec_error(std::string_view library, const std::string& reason) {
  throw Error(ErrorKind::kFailed, std::string(library), "compression failed", reason);
}

}  // namespace qcow2stream
