// SPDX-License-Identifier: GPL-2.0-or-later

#include "codec/isal_stream.h"

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <new>

#include "base/bits.h"

namespace qcow2stream {
namespace {

// Bits of the address below this one do not enter the hash.
constexpr unsigned kFirstHashedBit = 16;
constexpr std::uintptr_t kStep = std::uintptr_t{1} << kFirstHashedBit;

// The largest hash table that ISA-L has at levels 1 and 2 (LVL2_HASH_MASK).
constexpr std::uint32_t kHashMask = 0x7fff;

// One address in kHashMask + 1 is good, so this is room for a thousand streams.
constexpr std::uint32_t kMostSteps = 1U << 25;

constexpr std::size_t kSize = align_up(sizeof(isal_zstream), kStep);

// What the CRC32 instruction makes of 32 bits, from 0 on (CRC-32C, bit by bit).
constexpr std::uint32_t crc32c(std::uint32_t bits) {
  for (int i = 0; i < 32; ++i) bits = bits >> 1 ^ ((bits & 1) != 0 ? 0x82f63b78U : 0U);
  return bits;
}

bool is_neutral(std::uintptr_t address) {
  return (crc32c(static_cast<std::uint32_t>(address >> kFirstHashedBit)) & kHashMask) == 0;
}

void* map_at(std::uintptr_t address, int flags) {
  // NOLINTNEXTLINE(performance-no-int-to-ptr): an address of our choice is the point
  void* wanted = reinterpret_cast<void*>(address);
  return ::mmap(wanted, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
}

void* map_anywhere() {
  void* memory = map_at(0, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  return memory;
}

// The free address below `start` that is nearest to it, or null.
void* map_neutral(std::uintptr_t start) {
  std::uintptr_t address = align_down(start, kStep);
  for (std::uint32_t i = 0; i < kMostSteps && address > kStep; ++i, address -= kStep) {
    if (!is_neutral(address)) continue;
    void* memory = map_at(address, MAP_FIXED_NOREPLACE);
    if (memory == MAP_FAILED) continue;
    if (reinterpret_cast<std::uintptr_t>(memory) == address) return memory;
    ::munmap(memory, kSize);  // a kernel or a sanitizer that takes the address for a hint
  }
  return nullptr;
}

}  // namespace

IsalStream::IsalStream() : memory_(map_anywhere()) {
  if (is_neutral(reinterpret_cast<std::uintptr_t>(memory_))) return;
  if (void* better = map_neutral(reinterpret_cast<std::uintptr_t>(memory_))) {
    ::munmap(memory_, kSize);
    memory_ = better;
  }
}

IsalStream::~IsalStream() {
  ::munmap(memory_, kSize);
}

}  // namespace qcow2stream
