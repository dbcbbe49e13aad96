// SPDX-License-Identifier: GPL-2.0-or-later

#include "spool/spool_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "base/errors.h"
#include "base/zero.h"
#include "system/io.h"
#include "system/tell.h"
#include "system/temporary_name.h"

namespace qcow2stream {
namespace {

// The unit of holes: a page, and a block of most file systems. Units of 64 KiB are no faster with a
// disk full of files (ext4):
//   cat DISK | qcow2-to-stdout --verbose - > /dev/null
// Where every other page is data they take half the time, and twice the room.
constexpr std::uint64_t kHoleSize = kSpoolBlock;

// Makes a file that has a name for a moment, for file systems that cannot make one without.
UniqueFd open_named(const std::string& directory) {
  UniqueFd fd;
  const TemporaryName name([&]() -> std::string {
    std::string path = directory + "/qcow2-to-stdout.XXXXXX";
    fd = UniqueFd(::mkostemp(path.data(), O_CLOEXEC));
    return fd ? path : "";
  });
  return fd;
}

UniqueFd open_nameless(const std::string& directory) {
  UniqueFd fd(::open(directory.c_str(), O_TMPFILE | O_EXCL | O_RDWR | O_CLOEXEC, 0600));
  // EOPNOTSUPP comes from the file system. EISDIR, EINVAL and ENOENT come from something in between
  // that does not know the flag. For other errors a file with a name would fail in the same way.
  if (fd) return fd;
  tell(directory, "O_TMPFILE", errno, "the spool file has a name for a moment");
  return open_named(directory);
}

Error spool_error(const std::string& directory, const std::string& what_failed, int number) {
  return system_error(directory, what_failed, number)
      .about(ErrorSubject::kSpool)
      .advise(Advice::kOtherSpool);
}

}  // namespace

SpoolFile::SpoolFile(const std::string& directory)
    : directory_(directory), fd_(open_nameless(directory)) {
  if (!fd_) throw spool_error(directory_, "cannot hold a spool file", errno);
}

void SpoolFile::write(std::uint64_t offset, std::span<const std::byte> bytes, BlockMap* stored) {
  const auto keep = [&](std::size_t begin, std::size_t length) {
    store(offset + begin, bytes.subspan(begin, length));
    if (stored != nullptr) stored->mark(offset + begin, length);
  };
  // The blocks are aligned in the file, whatever `offset` is. Those with data are written in runs.
  std::size_t run = 0;
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t n = std::min<std::uint64_t>(kHoleSize - (offset + at) % kHoleSize,  //
                                                  bytes.size() - at);
    if (is_zero(bytes.subspan(at, n))) {
      keep(run, at - run);
      run = at + n;
    }
    at += n;
  }
  keep(run, bytes.size() - run);
}

void SpoolFile::store(std::uint64_t offset, std::span<const std::byte> bytes) {
  const Moved moved = write_full_at(fd_.get(), offset, bytes);
  if (moved.bytes < bytes.size()) throw spool_error(directory_, "write failed", moved.error);
}

void SpoolFile::read(std::uint64_t offset, std::span<std::byte> out) const {
  const Moved moved = read_full_at(fd_.get(), offset, out);
  if (moved.error != 0) throw spool_error(directory_, "read failed", moved.error);
  if (moved.bytes < out.size()) {
    throw Error(ErrorKind::kFailed, directory_, "read failed", "the file is too short");
  }
}

void SpoolFile::discard(std::uint64_t offset, std::uint64_t length) {
  ::fallocate(fd_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset),
              static_cast<off_t>(length));
}

void SpoolFile::resize(std::uint64_t size) {
  if (uninterrupted([&] { return ::ftruncate(fd_.get(), static_cast<off_t>(size)); }) != 0) {
    throw spool_error(directory_, "write failed", errno);
  }
}

}  // namespace qcow2stream
