// SPDX-License-Identifier: GPL-2.0-or-later

#include "filesystems/ext_io.h"

#include <array>
#include <cstddef>
#include <cstring>
#include <new>
#include <span>
#include <string>

#include "filesystems/kept.h"

namespace qcow2stream {

// An io_manager of libext2fs. Its open() is handed a name and nothing else, so the name is the
// address of an Opened, in letters.
struct ExtIo {
  using Opened = ExtFilesystem::Opened;
  static constexpr char kZero =
      'a';  // sixteen letters, none of which means anything to the library

  static std::string name_of(const Opened* opened) {
    const void* const address = opened;
    std::array<unsigned char, sizeof(void*)> bytes{};
    std::memcpy(bytes.data(), &address, sizeof(void*));
    std::string name;
    for (const unsigned byte : bytes) {
      name += static_cast<char>(kZero + (byte >> 4U));
      name += static_cast<char>(kZero + (byte & 15U));
    }
    return name;
  }

  static Opened* of_name(const char* name) {
    std::array<unsigned char, sizeof(void*)> bytes{};
    if (std::strlen(name) != 2 * bytes.size()) return nullptr;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      bytes[i] = static_cast<unsigned char>((name[2 * i] - kZero) << 4 | (name[2 * i + 1] - kZero));
    }
    void* address = nullptr;
    std::memcpy(&address, bytes.data(), sizeof(void*));
    return static_cast<Opened*>(address);
  }

  static errcode_t open(const char* name, int flags, io_channel* channel) {
    Opened* const opened = of_name(name);
    if (opened == nullptr || (flags & IO_FLAG_RW) != 0) return EXT2_ET_BAD_DEVICE_NAME;
    auto* const made = new (std::nothrow) struct_io_channel{};
    if (made == nullptr) return EXT2_ET_NO_MEMORY;
    made->magic = EXT2_ET_MAGIC_IO_CHANNEL;
    made->manager = manager();
    made->block_size = 1024;
    made->refcount = 1;
    made->private_data = opened;
    *channel = made;
    return 0;
  }

  static errcode_t close(io_channel channel) {
    if (--channel->refcount == 0) delete channel;
    return 0;
  }

  static errcode_t set_block_size(io_channel channel, int size) {
    channel->block_size = size;
    return 0;
  }

  // `count` blocks, or as many bytes as it is below zero.
  static errcode_t read(io_channel channel, unsigned long long block, int count, void* data) {
    auto* const opened = static_cast<Opened*>(channel->private_data);
    const auto block_size = static_cast<std::uint64_t>(channel->block_size);
    const std::uint64_t length = count < 0 ? static_cast<std::uint64_t>(-(std::int64_t{count}))
                                           : static_cast<std::uint64_t>(count) * block_size;
    const std::uint64_t size = opened->volume->size();
    if (block > size / block_size || length > size - block * block_size) return EXT2_ET_SHORT_READ;
    try {
      opened->volume->read(VolumeOffset(block * block_size),
                           std::span(static_cast<std::byte*>(data), length));
    } catch (...) {
      opened->error = std::current_exception();
      return EXT2_ET_SHORT_READ;
    }
    return 0;
  }

  static errcode_t read_blocks(io_channel channel, unsigned long block, int count, void* data) {
    return read(channel, block, count, data);
  }
  static errcode_t write_blocks(io_channel /*channel*/, unsigned long /*block*/, int /*count*/,
                                const void* /*data*/) {
    return EXT2_ET_RO_FILSYS;
  }
  static errcode_t flush(io_channel /*channel*/) { return 0; }

  static io_manager manager() {
    static struct_io_manager made = [] {
      struct_io_manager m{};
      m.magic = EXT2_ET_MAGIC_IO_MANAGER;
      m.name = "volume";
      m.open = open;
      m.close = close;
      m.set_blksize = set_block_size;
      m.read_blk = read_blocks;
      m.read_blk64 = read;
      m.write_blk = write_blocks;
      m.flush = flush;
      return m;
    }();
    return &made;
  }
};

namespace {

std::string refusal(errcode_t code) {
  switch (code) {
    case EXT2_ET_SB_CSUM_INVALID:
    case EXT2_ET_UNKNOWN_CSUM:
      return "the checksum of its superblock is wrong";
    case EXT2_ET_UNSUPP_FEATURE:
    case EXT2_ET_RO_UNSUPP_FEATURE:
    case EXT2_ET_REV_TOO_HIGH:
      return "it has features that are not known";
    case EXT2_ET_NO_MEMORY:
      return "there is too little memory for its group descriptors";
    default:
      return "its superblock makes no sense";
  }
}

}  // namespace

ExtFilesystem::ExtFilesystem(const Volume& volume) {
  opened_.volume = &volume;
  const std::string name = ExtIo::name_of(&opened_);
  const errcode_t code = ext2fs_open2(name.c_str(), nullptr, EXT2_FLAG_64BITS | EXT2_FLAG_SKIP_MMP,
                                      0, 0, ExtIo::manager(), &filesystem_);
  if (opened_.error != nullptr) {
    ext2fs_free(filesystem_);
    std::rethrow_exception(opened_.error);
  }
  if (code != 0) throw Kept(refusal(code), "run e2fsck on it");
}

ExtFilesystem::~ExtFilesystem() {
  ext2fs_free(filesystem_);
}

}  // namespace qcow2stream
