// SPDX-License-Identifier: GPL-2.0-or-later
//
// An NTFS volume that libntfs-3g has opened for reading, without what is peculiar to the library.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "filesystems/volume.h"

namespace qcow2stream {

// What the boot sector says.
struct NtfsGeometry {
  std::uint64_t cluster_size = 0;  // bytes
  std::uint64_t clusters = 0;
  std::uint32_t record_size = 0;  // bytes of a record of the file table
  std::uint64_t serial_number = 0;
};

// Throws Kept if the boot sector makes no sense or the file system is larger than the volume.
NtfsGeometry read_ntfs_geometry(const Volume& volume);

class NtfsVolume {
 public:
  // Throws Kept if libntfs-3g refuses it. The volume must outlive the object.
  NtfsVolume(const Volume& volume, const NtfsGeometry& geometry);
  ~NtfsVolume();
  NtfsVolume(const NtfsVolume&) = delete;
  NtfsVolume& operator=(const NtfsVolume&) = delete;

  [[nodiscard]] const Volume& volume() const;
  [[nodiscard]] const NtfsGeometry& geometry() const { return geometry_; }
  // As it is shown; empty if there is none.
  [[nodiscard]] std::string label() const;

  // Throws Kept unless its version is known, no flag of the volume asks for a check, and its log
  // needs no replay.
  void check_state() const;

  // Reads a part of $Bitmap; it must have that many bytes.
  void read_bitmap(std::uint64_t offset, std::span<std::byte> bytes) const;
  // Throws Kept if $Bitmap has not all of its bytes on disk.
  void check_bitmap() const;

  // How many records the file table has.
  [[nodiscard]] std::uint64_t records() const;
  // Reads records, whole ones, without their protection against torn writes: a record whose parts
  // do not belong together begins with "BAAD" then.
  void read_records(std::uint64_t first, std::span<std::byte> bytes) const;
  // Reads a part of the bitmap of the file table; zeros behind its end.
  void read_record_bitmap(std::uint64_t offset, std::span<std::byte> bytes) const;

 private:
  struct Library;

  NtfsGeometry geometry_;
  std::unique_ptr<Library> library_;
};

}  // namespace qcow2stream
