// SPDX-License-Identifier: GPL-2.0-or-later
//
// Places and signatures are those of the formats' own documents, and of libblkid. A signature of
// two bytes may stand anywhere by chance, so it counts only where there is no other. (ext has no
// longer one. There is nothing else at that place that could be taken for it.)

#include "filesystems/identify.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <string_view>

#include "filesystems/fields.h"
#include "filesystems/swap.h"

namespace qcow2stream {
namespace {

using namespace std::string_view_literals;

constexpr std::size_t kSector = 512;
constexpr std::uint64_t kKiB = 1024;

struct KnownSignature {
  std::string_view format;
  std::size_t offset;
  std::string_view text;
};

// At a place counted from the beginning.
constexpr std::array kFromBeginning = std::to_array<KnownSignature>({
    {"ext", 1080, "\x53\xef"sv},
    {"xfs", 0, "XFSB"sv},
    {"ntfs", 3, "NTFS    "sv},
    {"btrfs", 65600, "_BHRfS_M"sv},
    {"luks", 0, "LUKS\xba\xbe"sv},
    {"luks", 0, "SKUL\xba\xbe"sv},
    {"luks", 16384, "SKUL\xba\xbe"sv},
    {"bitlocker", 3, "-FVE-FS-"sv},
    {"refs", 3, "ReFS\0"sv},
    {"exfat", 3, "EXFAT   "sv},
    {"vfat", 82, "FAT32   "sv},
    {"vfat", 54, "FAT12   "sv},
    {"vfat", 54, "FAT16   "sv},
    {"vfat", 54, "FAT     "sv},
    {"apfs", 32, "NXSB"sv},
    {"f2fs", 1024, "\x10\x20\xf5\xf2"sv},
    {"bcache", 4120, "\xc6\x85\x73\xf6\x4e\x1a\x45\xca\x82\x65\xf5\x7f\x48\xba\x6d\x81"sv},
    {"bcachefs", 4120, "\xc6\x85\x73\xf6\x66\xce\x90\xa9\xd9\x6a\x60\xcf\x80\x3d\xf7\xef"sv},
    {"iso9660", 32769, "CD001"sv},
    {"udf", 32769, "BEA01"sv},
    {"udf", 34817, "NSR02"sv},
    {"udf", 34817, "NSR03"sv},
    {"md", 0, "\xfc\x4e\x2b\xa9"sv},
    {"md", 4096, "\xfc\x4e\x2b\xa9"sv},
    {"gpt", 512, "EFI PART"sv},
    {"gpt", 4096, "EFI PART"sv},
    {"jfs", 32768, "JFS1"sv},
    {"reiserfs", 65588, "ReIsErFs"sv},
    {"reiserfs", 65588, "ReIsEr2Fs"sv},
    {"reiserfs", 8244, "ReIsErFs"sv},
    {"reiser4", 65536, "ReIsEr4"sv},
    {"gfs2", 65536, "\x01\x16\x19\x70"sv},
    {"ocfs2", 4096, "OCFSV2"sv},
    {"ocfs2", 8192, "OCFSV2"sv},
    {"ocfs2", 2048, "OCFSV2"sv},
    {"ocfs2", 1024, "OCFSV2"sv},
    {"squashfs", 0, "hsqs"sv},
    {"erofs", 1024, "\xe2\xe1\xf5\xe0"sv},
    {"cramfs", 0, "\x45\x3d\xcd\x28"sv},
    {"romfs", 0, "-rom1fs-"sv},
    {"zonefs", 0, "SFOZ"sv},
    {"dm-integrity", 0, "integrt\0"sv},
    {"dm-verity", 0, "verity\0\0"sv},
    {"vdo", 0, "dmvdo001"sv},
    {"stratis", 516, "!Stra0tis\x86\xff\x02^\x41rh"sv},
    {"bluestore", 0, "bluestore block device"sv},
    {"vmfs", 0x200000, "\x5e\xf1\xab\x2f"sv},
    {"vmfs", 0x100000, "\x0d\xd0\x01\xc0"sv},
    {"asm", 32, "ORCLDISK"sv},
    {"ddf", 0, "\xde\x11\xde\x11"sv},
    {"qcow2", 0, "QFI\xfb"sv},
    {"vmdk", 0, "KDMV"sv},
    {"vhdx", 0, "vhdxfile"sv},
    {"vhd", 0, "conectix"sv},
});

// These are believed only where there is nothing else.
constexpr std::array kShort = std::to_array<KnownSignature>({
    {"hfsplus", 1024, "H+"sv},
    {"hfsplus", 1024, "HX"sv},
    {"hfs", 1024, "BD"sv},
    {"nilfs2", 1030, "\x34\x34"sv},
    {"minix", 1040, "\x7f\x13"sv},
    {"minix", 1040, "\x8f\x13"sv},
    {"minix", 1040, "\x68\x24"sv},
    {"minix", 1040, "\x78\x24"sv},
    {"minix", 1048, "\x5a\x4d"sv},
});

class Found {
 public:
  void add(std::string_view format, std::uint64_t offset) {
    const bool is_at_beginning = offset < kSector;
    const auto same = std::ranges::find(all, format, &Signature::format);
    if (same == all.end()) {
      all.push_back({std::string(format), is_at_beginning});
    } else {
      same->is_at_beginning = same->is_at_beginning || is_at_beginning;
    }
  }
  std::vector<Signature> all;
};

bool stands(const Volume& volume, std::uint64_t offset, std::string_view text) {
  if (!lies_within(volume, offset, text.size())) return false;
  const auto bytes = bytes_at(volume, offset, text.size());
  return Fields(bytes).has(0, text);
}

template <std::size_t n>
void find_known(const Volume& volume, const std::array<KnownSignature, n>& table, Found& found) {
  // Nearly all stand at the beginning: that is read once.
  const auto beginning = bytes_at(volume, 0, 68 * kKiB);
  const Fields fields(beginning);
  for (const KnownSignature& known : table) {
    const bool is_near = known.offset + known.text.size() <= beginning.size();
    const bool is_there =
        is_near ? fields.has(known.offset, known.text) : stands(volume, known.offset, known.text);
    if (is_there) found.add(known.format, known.offset);
  }
}

// FAT without a word that says so: a boot sector with sizes that make sense.
void find_fat(const Volume& volume, Found& found) {
  const auto bytes = bytes_at(volume, 0, kSector);
  const Fields fields(bytes);
  const unsigned sector = fields.little<std::uint16_t>(11);
  const unsigned per_cluster = fields.byte(13);
  const unsigned tables = fields.byte(16);
  const unsigned media = fields.byte(21);
  const bool jumps = fields.byte(0) == 0xeb || fields.byte(0) == 0xe9;
  if (jumps && std::has_single_bit(sector) && sector >= kSector && sector <= 4096 &&
      std::has_single_bit(per_cluster) && fields.little<std::uint16_t>(14) > 0 && tables > 0 &&
      tables <= 2 && (media == 0xf0 || media >= 0xf8)) {
    found.add("vfat", 0);
  }
}

// LVM looks for its label in the first four sectors.
void find_lvm(const Volume& volume, Found& found) {
  const auto bytes = bytes_at(volume, 0, 4 * kSector);
  for (std::size_t at = 0; at < bytes.size(); at += kSector) {
    if (Fields(bytes).has(at, "LABELONE")) found.add("lvm", at);
  }
}

// Members of RAIDs say so at their ends, too.
void find_at_end(const Volume& volume, Found& found) {
  constexpr auto kMd = "\xfc\x4e\x2b\xa9"sv;
  constexpr auto kMdOfBigEndian = "\xa9\x2b\x4e\xfc"sv;
  constexpr std::uint64_t kOldReserved = 64 * kKiB;
  const std::uint64_t size = volume.size();
  if (size >= 2 * kOldReserved) {  // version 0.90
    const std::uint64_t at = size / kOldReserved * kOldReserved - kOldReserved;
    if (stands(volume, at, kMd) || stands(volume, at, kMdOfBigEndian)) found.add("md", at);
  }
  if (size >= 16 * kSector) {  // version 1.0
    const std::uint64_t at = (size / kSector - 16) / 8 * 8 * kSector;
    if (stands(volume, at, kMd)) found.add("md", at);
    const std::uint64_t last = (size / kSector - 1) * kSector;
    if (stands(volume, last, "\xde\x11\xde\x11"sv)) found.add("ddf", last);
    if (stands(volume, last - kSector, "Intel Raid ISM Cfg Sig. "sv)) found.add("isw", last);
  }
}

// ZFS has four labels, each with a ring of uberblocks in its second half, at least 1 KiB each.
bool has_uberblock(const Volume& volume, std::uint64_t label) {
  constexpr std::uint64_t kRing = 128 * kKiB;
  if (!lies_within(volume, label, 2 * kRing)) return false;
  const auto ring = bytes_at(volume, label + kRing, kRing);
  const Fields fields(ring);
  for (std::size_t at = 0; at < ring.size(); at += kKiB) {
    if (fields.has(at, "\x0c\xb1\xba\0\0\0\0\0"sv) || fields.has(at, "\0\0\0\0\0\xba\xb1\x0c"sv)) {
      return true;
    }
  }
  return false;
}

void find_zfs(const Volume& volume, Found& found) {
  constexpr std::uint64_t kLabel = 256 * kKiB;
  const std::uint64_t end = volume.size() / kLabel * kLabel;
  if (end < 4 * kLabel) return;
  for (const std::uint64_t label : {std::uint64_t{0}, kLabel, end - 2 * kLabel, end - kLabel}) {
    if (has_uberblock(volume, label)) found.add("zfs_member", kLabel);
  }
}

void find_swap(const Volume& volume, Found& found) {
  if (find_swap_signature(volume)) found.add("swap", 4096);
}

}  // namespace

std::vector<Signature> find_signatures(const Volume& volume) {
  Found found;
  find_known(volume, kFromBeginning, found);
  find_fat(volume, found);
  find_lvm(volume, found);
  find_swap(volume, found);
  find_at_end(volume, found);
  find_zfs(volume, found);
  if (found.all.empty()) find_known(volume, kShort, found);
  return std::move(found.all);
}

}  // namespace qcow2stream
