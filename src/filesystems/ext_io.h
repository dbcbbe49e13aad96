// SPDX-License-Identifier: GPL-2.0-or-later
//
// libext2fs on a Volume.

#pragma once

#include <ext2fs/ext2_fs.h>
#include <ext2fs/ext2fs.h>

#include <cstdint>
#include <exception>

#include "filesystems/volume.h"

namespace qcow2stream {

// A file system that libext2fs has opened for reading: superblock and group descriptors.
class ExtFilesystem {
 public:
  // REQUIRES: check_ext_superblock() has let its superblock pass. Throws Kept if libext2fs refuses
  // it, and what `volume` throws. The volume must outlive the object.
  explicit ExtFilesystem(const Volume& volume);
  ~ExtFilesystem();
  ExtFilesystem(const ExtFilesystem&) = delete;
  ExtFilesystem& operator=(const ExtFilesystem&) = delete;

  [[nodiscard]] ext2_filsys get() const { return filesystem_; }
  [[nodiscard]] const Volume& volume() const { return *opened_.volume; }
  [[nodiscard]] const ext2_super_block& super() const { return *filesystem_->super; }
  [[nodiscard]] std::uint32_t block_size() const { return filesystem_->blocksize; }
  [[nodiscard]] std::uint64_t blocks() const { return ext2fs_blocks_count(filesystem_->super); }
  [[nodiscard]] std::uint32_t groups() const { return filesystem_->group_desc_count; }
  [[nodiscard]] bool has_metadata_checksums() const {
    return ext2fs_has_feature_metadata_csum(filesystem_->super) != 0;
  }

 private:
  // What the functions that libext2fs calls see of us.
  struct Opened {
    const Volume* volume = nullptr;
    std::exception_ptr error;  // what the volume has thrown, which must not go through C
  };
  friend struct ExtIo;

  Opened opened_;
  ext2_filsys filesystem_ = nullptr;
};

}  // namespace qcow2stream
