// SPDX-License-Identifier: GPL-2.0-or-later

#include "filesystems/ntfs_volume.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdlib>
#include <exception>
#include <new>

#include "filesystems/fields.h"
#include "filesystems/kept.h"
#include "filesystems/ntfs_device.h"
#include "filesystems/ntfs_library.h"
#include "filesystems/volume_name.h"

namespace qcow2stream {
namespace {

constexpr const char* kCheckDisk = "run chkdsk on it in Windows";
constexpr const char* kShutDown =
    "shut Windows down fully, with fast start-up and hibernation turned off";

Kept unreadable_tables() {
  return Kept("its tables make no sense", kCheckDisk);
}

// A size that the boot sector has as a number of clusters or, below zero, as a power of two.
std::uint64_t record_size(std::byte code, std::uint64_t cluster_size) {
  const auto value = static_cast<std::int8_t>(code);
  if (value > 0) return static_cast<std::uint64_t>(value) * cluster_size;
  return value > -32 ? std::uint64_t{1} << -value : 0;
}

bool is_sensible(std::uint64_t record_size) {
  constexpr std::uint64_t kLargest = 65536;  // Windows makes records of 1, 2 or 4 KiB
  return std::has_single_bit(record_size) && record_size >= 512 && record_size <= kLargest;
}

}  // namespace

NtfsGeometry read_ntfs_geometry(const Volume& volume) {
  constexpr std::uint64_t kLargestCluster = std::uint64_t{2} << 20U;
  std::array<std::byte, 512> boot{};
  if (volume.size() < boot.size()) throw unreadable_tables();
  volume.read(VolumeOffset(0), boot);
  const std::uint64_t sector_size = load_little<std::uint16_t>(&boot[0x0b]);
  const auto code = static_cast<unsigned>(boot[0x0d]);
  if (!std::has_single_bit(sector_size) || sector_size < 256 || sector_size > 4096 ||
      (code > 128 && code < 240))
    throw unreadable_tables();
  const std::uint64_t per_cluster = code > 128 ? std::uint64_t{1} << (256 - code) : code;
  const auto sectors = load_little<std::uint64_t>(&boot[0x28]);
  NtfsGeometry geometry;
  geometry.cluster_size = sector_size * per_cluster;
  if (!std::has_single_bit(geometry.cluster_size) || geometry.cluster_size > kLargestCluster)
    throw unreadable_tables();
  if (sectors > volume.size() / sector_size) throw Kept("it is larger than its partition or disk");
  geometry.clusters = sectors / per_cluster;
  const std::uint64_t file_record = record_size(boot[0x40], geometry.cluster_size);
  if (geometry.clusters == 0 || !is_sensible(file_record) ||
      !is_sensible(record_size(boot[0x44], geometry.cluster_size)))
    throw unreadable_tables();
  geometry.record_size = static_cast<std::uint32_t>(file_record);
  geometry.serial_number = load_little<std::uint64_t>(&boot[0x48]);
  return geometry;
}

struct NtfsVolume::Library {
  NtfsDevice device;
  ntfs_device* handle = nullptr;
  ntfs_volume* volume = nullptr;

  // REQUIRES: a call into the library has failed. An error of the volume is the cause of whatever
  // the library makes of it.
  [[noreturn]] void fail(const Kept& otherwise) const {
    rethrow();
    throw otherwise;
  }
  void rethrow() const {
    if (device.error != nullptr) std::rethrow_exception(device.error);
  }
  void read(ntfs_attr* attribute, std::uint64_t offset, std::span<std::byte> bytes) const {
    const auto length = static_cast<std::int64_t>(bytes.size());
    if (ntfs_attr_pread(attribute, static_cast<std::int64_t>(offset), length, bytes.data()) !=
        length)
      fail(unreadable_tables());
    rethrow();
  }
  void check_log() const;

  Library() = default;
  ~Library() {
    if (volume != nullptr) {
      ntfs_umount(volume, FALSE);  // frees the device
    } else if (handle != nullptr) {
      handle->d_state &= ~(1UL << ND_Open);
      ntfs_device_free(handle);
    }
  }
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;
};

NtfsVolume::NtfsVolume(const Volume& volume, const NtfsGeometry& geometry)
    : geometry_(geometry), library_(std::make_unique<Library>()) {
  ntfs_log_set_handler(ntfs_log_handler_null);
  library_->device.volume = &volume;
  library_->handle = ntfs_device_alloc("volume", 0, ntfs_operations(), &library_->device);
  if (library_->handle == nullptr) throw std::bad_alloc();
  library_->volume = ntfs_device_mount(library_->handle, NTFS_MNT_RDONLY);
  if (library_->volume == nullptr) library_->fail(unreadable_tables());
  library_->rethrow();
  const ntfs_volume& opened = *library_->volume;
  if (opened.cluster_size != geometry.cluster_size ||
      static_cast<std::uint64_t>(opened.nr_clusters) != geometry.clusters ||
      opened.mft_record_size != geometry.record_size)
    throw unreadable_tables();
}

NtfsVolume::~NtfsVolume() = default;

const Volume& NtfsVolume::volume() const {
  return *library_->device.volume;
}

std::string NtfsVolume::label() const {
  const char* const name = library_->volume->vol_name;
  return name == nullptr ? std::string() : printable_name(name);
}

void NtfsVolume::check_state() const {
  constexpr unsigned kDirty = 0x0001;
  // Of these Linux wants no mount for writing: the log is to be resized, the volume upgraded,
  // object ids repaired, chkdsk is under way or has changed something; and the journal of changes
  // is being deleted.
  constexpr unsigned kUnfinished = 0xc036;
  ntfs_volume* const opened = library_->volume;
  if (ntfs_version_is_supported(opened) != 0) throw Kept("its version is not known");
  const unsigned flags = le16_to_cpu(opened->flags);
  if ((flags & kDirty) != 0)
    throw Kept("it was not unmounted, or damage has been found", kCheckDisk);
  if ((flags & kUnfinished) != 0)
    throw Kept("something is left to be done with it when it is mounted",
               "start Windows with it and shut it down fully");
  library_->check_log();
}

// As libntfs-3g does it when it mounts a volume to write to it.
void NtfsVolume::Library::check_log() const {
  ntfs_inode* const inode = ntfs_inode_open(volume, FILE_LogFile);
  if (inode == nullptr) fail(unreadable_tables());
  ntfs_attr* const attribute = ntfs_attr_open(inode, AT_DATA, AT_UNNAMED, 0);
  RESTART_PAGE_HEADER* restart = nullptr;
  bool clean = false;
  bool cached = false;
  if (attribute != nullptr) {
    clean = ntfs_check_logfile(attribute, &restart) != FALSE &&
            ntfs_is_logfile_clean(attribute, restart) != FALSE;
    // In version 2.0 Windows may keep a part of the file system's state elsewhere.
    cached = restart != nullptr && le16_to_cpu(restart->major_ver) == 2 &&
             le16_to_cpu(restart->minor_ver) == 0;
    ::free(restart);  // NOLINT(cppcoreguidelines-no-malloc): the library has allocated it
    ntfs_attr_close(attribute);
  }
  ntfs_inode_close(inode);
  rethrow();
  if (attribute == nullptr) throw unreadable_tables();
  if (cached) throw Kept("Windows has it in use, or is hibernated", kShutDown);
  if (!clean) throw Kept("its log has not been replayed", kShutDown);
}

void NtfsVolume::check_bitmap() const {
  const ntfs_attr& bitmap = *library_->volume->lcnbmp_na;
  const std::uint64_t needed = geometry_.clusters / 8 + (geometry_.clusters % 8 != 0 ? 1 : 0);
  if (bitmap.data_size < 0 || static_cast<std::uint64_t>(bitmap.data_size) < needed ||
      bitmap.initialized_size < bitmap.data_size || bitmap.data_flags != 0)
    throw Kept("its $Bitmap makes no sense", kCheckDisk);
}

void NtfsVolume::read_bitmap(std::uint64_t offset, std::span<std::byte> bytes) const {
  library_->read(library_->volume->lcnbmp_na, offset, bytes);
}

std::uint64_t NtfsVolume::records() const {
  const ntfs_attr& table = *library_->volume->mft_na;
  const std::int64_t length = std::min(table.data_size, table.initialized_size);
  return length < 0 ? 0 : static_cast<std::uint64_t>(length) / geometry_.record_size;
}

void NtfsVolume::read_records(std::uint64_t first, std::span<std::byte> bytes) const {
  const auto count = static_cast<std::int64_t>(bytes.size() / geometry_.record_size);
  const auto offset = static_cast<std::int64_t>(first * geometry_.record_size);
  if (ntfs_attr_mst_pread(library_->volume->mft_na, offset, count, geometry_.record_size,
                          bytes.data()) != count)
    library_->fail(unreadable_tables());
  library_->rethrow();
}

void NtfsVolume::read_record_bitmap(std::uint64_t offset, std::span<std::byte> bytes) const {
  ntfs_attr* const bitmap = library_->volume->mftbmp_na;
  const std::uint64_t size =
      bitmap->data_size < 0 ? 0 : static_cast<std::uint64_t>(bitmap->data_size);
  std::ranges::fill(bytes, std::byte{0});
  if (offset >= size) return;
  library_->read(bitmap, offset, bytes.first(std::min<std::uint64_t>(bytes.size(), size - offset)));
}

}  // namespace qcow2stream
