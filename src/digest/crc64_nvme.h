// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace qcow2stream {

// Continues a CRC-64/NVME: `crc` is that of what came before, 0 if nothing did, and the result is
// that of it with `bytes` behind it. ISA-L has this from 2.31 on, as crc64_rocksoft_refl().
std::uint64_t crc64_nvme(std::uint64_t crc, std::span<const std::byte> bytes);

}  // namespace qcow2stream
