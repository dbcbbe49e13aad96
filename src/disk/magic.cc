// SPDX-License-Identifier: GPL-2.0-or-later
//
// Magic numbers of image formats at the start of a file, as QEMU's block drivers probe for them,
// and at its end, where they do not look. LUKS is left out, since an encrypted disk is a disk.

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>

#include "qcow2stream/disk.h"

namespace qcow2stream {
namespace {

using namespace std::string_view_literals;

struct Magic {
  std::size_t offset;
  std::string_view bytes;
  const char* format;
};

constexpr std::array<Magic, 13> kMagics = {{{0, "QFI\xfb\0\0\0\x01"sv, "qcow"},
                                            {0, "QFI\xfb"sv, "qcow2"},
                                            {0, "QED\0"sv, "qed"},
                                            {0, "KDMV"sv, "vmdk"},
                                            {0, "COWD"sv, "vmdk"},
                                            {0, "# Disk DescriptorFile"sv, "vmdk"},
                                            {0, "vhdxfile"sv, "vhdx"},
                                            {0, "conectix"sv, "vpc"},
                                            {64, "\x7f\x10\xda\xbe"sv, "vdi"},
                                            {0, "WithoutFreeSpace"sv, "parallels"},
                                            {0, "WithouFreSpacExt"sv, "parallels"},
                                            {0, "Bochs Virtual HD Image"sv, "bochs"},
                                            {0, "#!/bin/sh\n#V2.0 Format\n"sv, "cloop"}}};

constexpr std::array<Magic, 5> kCompressions = {{{0, "\x1f\x8b\x08"sv, "gzip"},
                                                 {0, "\x28\xb5\x2f\xfd"sv, "zstd"},
                                                 {0, "\xfd\x37zXZ\0"sv, "xz"},
                                                 {0, "BZh"sv, "bzip2"},
                                                 {0, "\x04\x22\x4d\x18"sv, "lz4"}}};
// What the first block of bzip2 begins with, or its end if there is no block.
constexpr std::array kBzip2Blocks = {"\x31\x41\x59\x26\x53\x59"sv, "\x17\x72\x45\x38\x50\x90"sv};

constexpr std::array<Magic, 2> kTrailers = {{{0, "koly"sv, "dmg"}, {0, "conectix"sv, "vpc"}}};

constexpr std::size_t kLookAt = 512;
static_assert(kLookAt <= kSequentialStart);

template <std::size_t n>
std::optional<std::string> find(const std::array<Magic, n>& magics,
                                const std::array<std::byte, kLookAt>& bytes) {
  const auto found = std::ranges::find_if(magics, [&](const Magic& magic) {
    return std::memcmp(&bytes[magic.offset], magic.bytes.data(), magic.bytes.size()) == 0;
  });
  if (found == magics.end()) return std::nullopt;
  return found->format;
}

std::array<std::byte, kLookAt> start_of(const Disk& disk) {
  std::array<std::byte, kLookAt> start{};
  disk.read(GuestOffset(0), std::span(start).first(std::min<std::uint64_t>(kLookAt, disk.size())));
  return start;
}

}  // namespace

std::optional<std::string> image_magic(const Disk& disk) {
  return find(kMagics, start_of(disk));
}

std::optional<std::string> compression_magic(const Disk& disk) {
  const auto start = start_of(disk);
  auto found = find(kCompressions, start);
  if (found != "bzip2") return found;
  constexpr std::size_t kBlockAt = 4;
  const bool is_bzip2 = std::ranges::any_of(kBzip2Blocks, [&](std::string_view block) {
    return std::memcmp(&start[kBlockAt], block.data(), block.size()) == 0;
  });
  return is_bzip2 ? found : std::nullopt;
}

std::optional<std::string> image_trailer(const Disk& disk) {
  std::array<std::byte, kLookAt> end{};
  if (disk.size() < end.size()) return std::nullopt;
  disk.read(GuestOffset(disk.size() - end.size()), end);
  return find(kTrailers, end);
}

}  // namespace qcow2stream
