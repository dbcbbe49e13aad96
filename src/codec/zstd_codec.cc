// SPDX-License-Identifier: GPL-2.0-or-later

#include <fmt/format.h>
#include <zstd.h>
#include <zstd_errors.h>

#include <memory>
#include <string>

#include "codec/encoders.h"

namespace qcow2stream {
namespace {

class ZstdCodec final : public Codec {
 public:
  explicit ZstdCodec(int level) : context_(ZSTD_createCCtx()) {
    if (context_ == nullptr) throw_codec_error("zstd", "no memory");
    set(ZSTD_c_compressionLevel, level);
    set(ZSTD_c_contentSizeFlag, 1);
    set(ZSTD_c_checksumFlag, 0);
  }

  std::size_t compress(std::span<const std::byte> cluster, std::span<std::byte> out) override {
    const std::size_t result =
        ZSTD_compress2(context_.get(), out.data(), out.size(), cluster.data(), cluster.size());
    if (ZSTD_isError(result) == 0) return result;
    if (ZSTD_getErrorCode(result) == ZSTD_error_dstSize_tooSmall) return 0;
    throw_codec_error("zstd", ZSTD_getErrorName(result));
  }

 private:
  struct Free {
    void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
  };

  void set(ZSTD_cParameter parameter, int value) {
    const std::size_t result = ZSTD_CCtx_setParameter(context_.get(), parameter, value);
    if (ZSTD_isError(result) != 0) throw_codec_error("zstd", ZSTD_getErrorName(result));
  }

  std::unique_ptr<ZSTD_CCtx, Free> context_;
};

}  // namespace

std::unique_ptr<Codec> make_zstd_codec(int level, std::uint32_t /*cluster_size*/) {
  return std::make_unique<ZstdCodec>(level);
}

std::string version_of_zstd() {
  return fmt::format("zstd {}", ZSTD_versionString());
}

}  // namespace qcow2stream
