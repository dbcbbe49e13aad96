// SPDX-License-Identifier: GPL-2.0-or-later

#include <fmt/format.h>
#include <isa-l.h>

#include <algorithm>
#include <bit>
#include <memory>
#include <vector>

#include "codec/encoders.h"
#include "codec/isal_stream.h"

namespace qcow2stream {
namespace {

std::uint32_t buffer_size(int effort) {
  constexpr std::uint32_t kSizes[] = {ISAL_DEF_LVL0_DEFAULT, ISAL_DEF_LVL1_DEFAULT,
                                      ISAL_DEF_LVL2_DEFAULT};
  return kSizes[effort];
}

class IsalCodec final : public Codec {
 public:
  IsalCodec(int effort, std::uint32_t window, std::uint32_t cluster_size)
      : effort_(static_cast<std::uint32_t>(effort)),
        window_bits_(static_cast<std::uint16_t>(std::countr_zero(window))),
        working_memory_(buffer_size(effort)),
        compressed_(cluster_size + kSlack) {}

  std::size_t compress(std::span<const std::byte> cluster, std::span<std::byte> out) override {
    isal_deflate_stateless_init(stream_.get());
    stream_.get()->level = effort_;
    stream_.get()->level_buf = working_memory_.data();
    stream_.get()->level_buf_size = static_cast<std::uint32_t>(working_memory_.size());
    stream_.get()->hist_bits = window_bits_;
    stream_.get()->end_of_stream = 1;
    stream_.get()->flush = NO_FLUSH;
    // ISA-L does not write to its input; the type is that of C.
    stream_.get()->next_in =
        reinterpret_cast<std::uint8_t*>(const_cast<std::byte*>(cluster.data()));
    stream_.get()->avail_in = static_cast<std::uint32_t>(cluster.size());
    stream_.get()->next_out = compressed_.data();
    stream_.get()->avail_out = static_cast<std::uint32_t>(compressed_.size());
    const int result = isal_deflate_stateless(stream_.get());
    if (result != COMP_OK) throw_codec_error("ISA-L", fmt::format("error {}", result));
    if (stream_.get()->total_out > out.size()) return 0;
    std::copy_n(reinterpret_cast<const std::byte*>(compressed_.data()), stream_.get()->total_out,
                out.begin());
    return stream_.get()->total_out;
  }

 private:
  static constexpr std::uint32_t kSlack = 1024;

  std::uint32_t effort_;
  std::uint16_t window_bits_;
  IsalStream stream_;
  std::vector<std::uint8_t> working_memory_;
  std::vector<std::uint8_t> compressed_;
};

}  // namespace

std::unique_ptr<Codec> make_isal_codec(int effort, std::uint32_t window,
                                       std::uint32_t cluster_size) {
  return std::make_unique<IsalCodec>(effort, window, cluster_size);
}

std::string version_of_isal() {
  return fmt::format("ISA-L {}.{}.{}", ISAL_MAJOR_VERSION, ISAL_MINOR_VERSION, ISAL_PATCH_VERSION);
}

}  // namespace qcow2stream
