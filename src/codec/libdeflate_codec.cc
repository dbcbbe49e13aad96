// SPDX-License-Identifier: GPL-2.0-or-later

#include <fmt/format.h>
#include <libdeflate.h>

#include <memory>

#include "codec/encoders.h"

namespace qcow2stream {
namespace {

class LibdeflateCodec final : public Codec {
 public:
  explicit LibdeflateCodec(int effort) : compressor_(libdeflate_alloc_compressor(effort)) {
    if (compressor_ == nullptr) throw_codec_error("libdeflate", "no memory");
  }

  std::size_t compress(std::span<const std::byte> cluster, std::span<std::byte> out) override {
    return libdeflate_deflate_compress(compressor_.get(), cluster.data(), cluster.size(),
                                       out.data(), cluster.size() - 1);
  }

 private:
  struct Free {
    void operator()(libdeflate_compressor* compressor) const {
      libdeflate_free_compressor(compressor);
    }
  };
  std::unique_ptr<libdeflate_compressor, Free> compressor_;
};

}  // namespace

std::unique_ptr<Codec> make_libdeflate_codec(int effort) {
  return std::make_unique<LibdeflateCodec>(effort);
}

// This is the version of the headers, since the library does not tell its own.
std::string version_of_libdeflate() {
  return fmt::format("libdeflate {}", LIBDEFLATE_VERSION_STRING);
}

}  // namespace qcow2stream
