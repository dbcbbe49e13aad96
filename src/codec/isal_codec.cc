// SPDX-License-Identifier: GPL-2.0-or-later
//
// ISA-L's level 3 is not among ours: it has another algorithm for processors with AVX2. Levels 0 to
// 2 make the same bytes with every implementation for processors with SSE4.2 (tests/tools/
// processors.cc); without SSE4.2 the hash function is another one, which the fingerprint in
// codec_version() shows.

#include <fmt/format.h>
#include <isa-l.h>

#include <algorithm>
#include <array>
#include <bit>
#include <memory>
#include <vector>

#include "codec/encoders.h"
#include "codec/isal_stream.h"

namespace qcow2stream {
namespace {

// The size decides how many symbols go into a block, and so the bytes. It must not depend on how
// much memory there is.
std::uint32_t working_memory_size(int effort) {
  constexpr std::array<std::uint32_t, 3> kSizes = {ISAL_DEF_LVL0_DEFAULT, ISAL_DEF_LVL1_DEFAULT,
                                                   ISAL_DEF_LVL2_DEFAULT};
  return kSizes.at(static_cast<std::size_t>(effort));
}

class IsalCodec final : public Codec {
 public:
  IsalCodec(int effort, std::uint32_t window, std::uint32_t cluster_size)
      : effort_(static_cast<std::uint32_t>(effort)),
        window_bits_(static_cast<std::uint16_t>(std::countr_zero(window))),
        working_memory_(working_memory_size(effort)),
        compressed_(cluster_size + kSlack) {}

  std::size_t compress(std::span<const std::byte> cluster, std::span<std::byte> out) override {
    isal_zstream& stream = *stream_.get();
    isal_deflate_init(&stream);
    stream.level = effort_;
    stream.level_buf = working_memory_.data();
    stream.level_buf_size = static_cast<std::uint32_t>(working_memory_.size());
    stream.hist_bits = window_bits_;
    stream.end_of_stream = 1;
    // ISA-L does not write to its input, but its header leaves the const out.
    const auto* in = reinterpret_cast<const std::uint8_t*>(cluster.data());
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-const-cast)
    stream.next_in = const_cast<std::uint8_t*>(in);
    stream.avail_in = static_cast<std::uint32_t>(cluster.size());
    stream.next_out = compressed_.data();
    stream.avail_out = static_cast<std::uint32_t>(compressed_.size());
    const int result = isal_deflate(&stream);
    if (result != COMP_OK) throw_codec_error("ISA-L", fmt::format("error {}", result));
    const bool complete = stream.internal_state.state == ZSTATE_END;
    if (!complete || stream.total_out >= cluster.size()) return 0;
    std::copy_n(reinterpret_cast<const std::byte*>(compressed_.data()), stream.total_out,
                out.begin());
    return stream.total_out;
  }

 private:
  // Near the end of its output ISA-L writes otherwise than before, and each implementation has a
  // margin of its own. So that end is where the result is of no use any more.
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

// This is the version of the headers, since the library does not tell its own.
std::string version_of_isal() {
  return fmt::format("ISA-L {}.{}.{}", ISAL_MAJOR_VERSION, ISAL_MINOR_VERSION, ISAL_PATCH_VERSION);
}

}  // namespace qcow2stream
