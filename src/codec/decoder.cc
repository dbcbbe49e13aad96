// SPDX-License-Identifier: GPL-2.0-or-later

#include "codec/decoder.h"

#include "codec/decoders.h"

namespace qcow2stream {

std::unique_ptr<Decoder> make_decoder(CompressionType type, std::uint32_t cluster_size) {
  if (type == CompressionType::kZstd) return make_zstd_decoder(cluster_size);
  return make_deflate_decoder(cluster_size);
}

}  // namespace qcow2stream
