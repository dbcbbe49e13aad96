// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace qcow2stream {

// CRC-64/NVME of what `crc` is that of (0: of nothing) and `bytes` behind it. ISA-L has it
// from 2.31 on, as crc64_rocksoft_refl().
std::uint64_t crc64_nvme(std::uint64_t crc, std::span<const std::byte> bytes);

}  // namespace qcow2stream
